# From raw register files to the register: who lives where, with what assistance and what work.
#
# inputs:  the raw files of a source of kind register, or those written from a simulated register
# outputs: <restricted_dir>/<source>/: forms/, register/, records/; raw/ of a simulated source
# steps:   write_raw_forms (simulated sources) -> split_register -> link_register, once per bucket
#
# Ids of persons end with split_register; what it and link_register count names nobody.


rule write_raw_forms:
    """Write a simulated register as the raw files that offices hold."""
    input:
        register=gather.register(
            f"{plan.restricted}/{{source}}/register/{{scatteritem}}.parquet",
            allow_missing=True,
        ),
    output:
        raw=directory(f"{plan.restricted}/{{source}}/raw"),
    log:
        "logs/{source}/write_raw_forms.log",
    benchmark:
        "logs/{source}/write_raw_forms.tsv"
    wildcard_constraints:
        source=plan.simulated_sources,
    priority: 100
    params:
        spec=plan.register,
        code=plan.code("write_raw_forms"),
    shell:
        command("write_raw_forms")


rule split_register:
    """Read the raw files, number the persons and split every form into buckets of persons."""
    input:
        files=plan.raw.files,
    output:
        forms=directory(f"{plan.restricted}/{{source}}/forms"),
        record=f"{plan.restricted}/{{source}}/records/split.parquet",
        hashes=f"{plan.restricted}/{{source}}/records/files.json",
    log:
        "logs/{source}/split_register.log",
    benchmark:
        "logs/{source}/split_register.tsv"
    wildcard_constraints:
        source=plan.raw_sources,
    priority: 100
    threads: 16
    params:
        spec=plan.raw.split,
        code=plan.code("split_register"),
        content=plan.raw.content,
    shell:
        command("split_register")


rule link_register:
    """Link the forms of a bucket into person-months."""
    input:
        forms=rules.split_register.output.forms,
    output:
        register=f"{plan.restricted}/{{source}}/register/{{scatteritem}}.parquet",
        record=f"{plan.restricted}/{{source}}/records/{{scatteritem}}.parquet",
    log:
        "logs/{source}/link_register.{scatteritem}.log",
    benchmark:
        "logs/{source}/link_register.{scatteritem}.tsv"
    wildcard_constraints:
        source=plan.raw_sources,
    priority: 100
    threads: 2
    params:
        spec=plan.raw.link,
        code=plan.code("link_register"),
    shell:
        command("link_register")
