# Points: what each estimator says about the reform and about every placebo.
#
# inputs:  results/<reform>/panel.parquet, units.parquet; for person effects also the register; for
#          effects per dose the file of doses
# outputs: results/<reform>/estimates/<label>/: paths, draws, weights, covariance; dose.parquet
# steps:   build_dose (effects per dose only); sum_persons (person effects only), once per bucket of the register ->
#          estimate_effects, once per estimator label, with all outcomes and groups


rule sum_persons:
    """Add up a bucket's persons by unit and period: all that person effects are fitted to."""
    input:
        bucket=rules.check_register.input.bucket,
        summary=gather.register(
            rules.check_register.output.summary,
            allow_missing=True,
        ),
        checked=rules.check_data.output.data,
        geography=plan.geography,
        cpi=plan.cpi,
    output:
        sums=f"{plan.restricted}/{{source}}/person_sums/{{reform}}/{{scatteritem}}.parquet",
    log:
        "logs/{reform}/sum_persons.{source}.{scatteritem}.log",
    benchmark:
        "logs/{reform}/sum_persons.{source}.{scatteritem}.tsv"
    wildcard_constraints:
        source=plan.sources,
    priority: 75
    params:
        spec=plan.panel,
        code=plan.code("sum_persons"),
    shell:
        command("sum_persons")


rule build_dose:
    """Say how much of the reform every unit had in every period."""
    input:
        units=rules.build_panel.output.units,
        file=plan.dose_file,
    output:
        dose="results/{reform}/dose.parquet",
    log:
        "logs/{reform}/build_dose.log",
    benchmark:
        "logs/{reform}/build_dose.tsv"
    priority: 75
    params:
        spec=plan.dose,
        code=plan.code("build_dose"),
    shell:
        command("build_dose")


rule estimate_effects:
    """Fit one estimator to every outcome in every group, for all assignments at once."""
    input:
        panel=rules.build_panel.output.panel,
        units=rules.build_panel.output.units,
        persons=plan.person_sums,
        dose=plan.doses,
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
