# Person-level data: the register in buckets of whole persons, checked once and counted per reform.
#
# inputs:  none; the source's description in config/sources/
# outputs: <restricted_dir>/<source>/: register/, register_untreated/, summary/, counts/<reform>/
# steps:   simulate_register (or link.smk) -> check_register -> count_cells
#
# A register that is simulated lies where a real one would: outside results/, never published. So
# do the summaries and the counts, which are not suppressed.


rule simulate_register:
    """Simulate persons month by month, with and without the reform's effect."""
    output:
        register=scatter.register(
            f"{plan.restricted}/{{source}}/register/{{scatteritem}}.parquet",
            allow_missing=True,
        ),
        untreated=scatter.register(
            f"{plan.restricted}/{{source}}/register_untreated/{{scatteritem}}.parquet",
            allow_missing=True,
        ),
    log:
        "logs/{source}/simulate_register.log",
    benchmark:
        "logs/{source}/simulate_register.tsv"
    wildcard_constraints:
        source=plan.simulated_sources,
    priority: 100
    threads: 16
    params:
        spec=plan.register,
        code=plan.code("simulate_register"),
    shell:
        command("simulate_register")


rule check_register:
    """Check a bucket, and count its rows and persons by unit and period."""
    input:
        bucket=f"{plan.restricted}/{{source}}/register/{{scatteritem}}.parquet",
    output:
        summary=f"{plan.restricted}/{{source}}/summary/{{scatteritem}}.parquet",
        data=f"{plan.restricted}/{{source}}/summary/{{scatteritem}}.json",
    log:
        "logs/{source}/check_register.{scatteritem}.log",
    benchmark:
        "logs/{source}/check_register.{scatteritem}.tsv"
    wildcard_constraints:
        source=plan.sources,
    priority: 100
    params:
        spec="{}",
        code=plan.code("check_register"),
    shell:
        command("check_register")


rule count_cells:
    """Sum a bucket by unit, period and group for each population of a reform."""
    input:
        bucket=rules.check_register.input.bucket,
        summary=gather.register(
            rules.check_register.output.summary,
            allow_missing=True,
        ),
        geography=plan.geography,
        adoption=plan.adoption,
    output:
        cells=f"{plan.restricted}/{{source}}/counts/{{reform}}/cells/{{scatteritem}}.parquet",
        flow=f"{plan.restricted}/{{source}}/counts/{{reform}}/flow/{{scatteritem}}.parquet",
    log:
        "logs/{reform}/count_cells.{source}.{scatteritem}.log",
    benchmark:
        "logs/{reform}/count_cells.{source}.{scatteritem}.tsv"
    wildcard_constraints:
        source=plan.sources,
    priority: 95
    params:
        spec=plan.count,
        code=plan.code("count_cells"),
    shell:
        command("count_cells")
