# The panel: unit x period x group cells, the last stage that knows persons.
#
# inputs:  the checked panel; for the truth also both simulated registers
# outputs: results/<reform>/: panel.parquet, units.parquet, sample_flow.csv, truth.parquet
# steps:   build_panel, build_truth (simulated sources only)


rule build_panel:
    """Put the checked panel among the results."""
    input:
        panel=rules.check_data.output.panel,
        units=rules.check_data.output.units,
        flow=rules.check_data.output.flow,
    output:
        panel="results/{reform}/panel.parquet",
        units="results/{reform}/units.parquet",
        flow="results/{reform}/sample_flow.csv",
    log:
        "logs/{reform}/build_panel.log",
    benchmark:
        "logs/{reform}/build_panel.tsv"
    priority: 80
    params:
        spec="{}",
        code=plan.code("build_panel"),
    shell:
        command("build_panel")


rule build_truth:
    """Compute the true effects from both potential outcomes of the treated units."""
    input:
        registers=plan.potential,
        checked=rules.check_data.output.data,
        cpi=plan.cpi,
        adoption=plan.adoption,
    output:
        truth="results/{reform}/truth.parquet",
    log:
        "logs/{reform}/build_truth.log",
    benchmark:
        "logs/{reform}/build_truth.tsv"
    wildcard_constraints:
        reform=plan.names(simulated=True),
    priority: 60
    params:
        spec=plan.panel,
        code=plan.code("build_truth"),
    shell:
        command("build_truth")
