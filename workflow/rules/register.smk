# Person-level data that is simulated.
#
# inputs:  none; the source's description in config/sources/
# outputs: <restricted_dir>/<source>/register.parquet, register_untreated.parquet
# steps:   simulate_register
#
# A register that is simulated lies where a real one would: outside results/, never published.


rule simulate_register:
    """Simulate persons month by month, with and without the reform's effect."""
    output:
        register=f"{plan.restricted}/{{source}}/register.parquet",
        untreated=f"{plan.restricted}/{{source}}/register_untreated.parquet",
    log:
        "logs/{source}/simulate_register.log",
    benchmark:
        "logs/{source}/simulate_register.tsv"
    wildcard_constraints:
        source=plan.sources,
    priority: 100
    threads: 16
    params:
        spec=plan.register,
        code=plan.code("simulate_register"),
    shell:
        command("simulate_register")
