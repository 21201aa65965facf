# Intervals, p-values and checks: the effects table, one row per estimate and inference.
#
# inputs:  panel and units, the truth where it is known, the files of every fit
# outputs: results/<reform>/: effects.parquet, effects.csv, checks.parquet
# steps:   assess_effects


rule assess_effects:
    """Put uncertainty on every estimate and run every check."""
    input:
        panel=rules.build_panel.output.panel,
        units=rules.build_panel.output.units,
        truth=plan.truth,
        found=rules.check_data.output.found,
        fits=plan.fits,
    output:
        effects="results/{reform}/effects.parquet",
        csv="results/{reform}/effects.csv",
        checks="results/{reform}/checks.parquet",
    log:
        "logs/{reform}/assess_effects.log",
    benchmark:
        "logs/{reform}/assess_effects.tsv"
    priority: 50
    params:
        spec=plan.assess,
        code=plan.code("assess_effects"),
    shell:
        command("assess_effects")
