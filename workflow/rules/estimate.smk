# Points: what each estimator says about the reform and about every placebo.
#
# inputs:  results/<reform>/panel.parquet, units.parquet
# outputs: results/<reform>/estimates/<label>/: paths, draws, weights, covariance
# steps:   estimate_effects, once per estimator label, with all outcomes and groups


rule estimate_effects:
    """Fit one estimator to every outcome in every group, for all assignments at once."""
    input:
        panel=rules.build_panel.output.panel,
        units=rules.build_panel.output.units,
    output:
        paths="results/{reform}/estimates/{label}/paths.parquet",
        draws="results/{reform}/estimates/{label}/draws.parquet",
        weights="results/{reform}/estimates/{label}/weights.parquet",
        covariance="results/{reform}/estimates/{label}/covariance.parquet",
    log:
        "logs/{reform}/estimate_effects.{label}.log",
    benchmark:
        "logs/{reform}/estimate_effects.{label}.tsv"
    wildcard_constraints:
        label=plan.any_label,
    priority: 70
    params:
        spec=plan.estimate,
        code=plan.code("estimate_effects"),
    shell:
        command("estimate_effects")
