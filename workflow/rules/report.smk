# What people read: figures, tables, the report, the index; and the record of how it was made.
#
# inputs:  everything above; templates and texts of the report
# outputs: results/<reform>/: figures/, tables/, report.html, provenance.json; results/index.html
# steps:   draw_figures -> write_report -> write_index, write_provenance


rule draw_figures:
    """Draw one figure per kind and outcome, as PNG and PDF."""
    input:
        panel=rules.build_panel.output.panel,
        units=rules.build_panel.output.units,
        flow=rules.build_panel.output.flow,
        truth=plan.truth,
        fits=plan.fits,
        effects=rules.assess_effects.output.effects,
        checks=rules.assess_effects.output.checks,
        words=plan.words,
    output:
        figures=directory("results/{reform}/figures"),
    log:
        "logs/{reform}/draw_figures.log",
    benchmark:
        "logs/{reform}/draw_figures.tsv"
    priority: 40
    params:
        spec=plan.figures,
        code=plan.code("draw_figures"),
    shell:
        command("draw_figures")


rule write_report:
    """Write the tables and one self-contained page."""
    input:
        data=rules.check_data.output.data,
        figures=rules.draw_figures.output.figures,
        effects=rules.assess_effects.output.effects,
        checks=rules.assess_effects.output.checks,
        words=plan.words,
        templates=templates(),
    output:
        report="results/{reform}/report.html",
        tables=directory("results/{reform}/tables"),
    log:
        "logs/{reform}/write_report.log",
    benchmark:
        "logs/{reform}/write_report.tsv"
    priority: 30
    params:
        spec=plan.report,
        code=plan.code("write_report"),
    shell:
        command("write_report")


rule write_index:
    """List all reforms with their headlines."""
    input:
        reports=expand(rules.write_report.output.report, reform=plan.present),
        words=plan.all_words,
        templates=templates(),
    output:
        index="results/index.html",
    log:
        "logs/write_index.log",
    benchmark:
        "logs/write_index.tsv"
    params:
        spec=plan.index,
        code=plan.code("write_index"),
    shell:
        command("write_index")


rule write_provenance:
    """Record the bytes of every output, the commit, times and memory; nothing reads it."""
    input:
        data=rules.check_data.output.data,
        panel=rules.build_panel.output,
        truth=plan.truth,
        fits=plan.fits,
        effects=rules.assess_effects.output,
        figures=rules.draw_figures.output,
        report=rules.write_report.output,
    output:
        provenance="results/{reform}/provenance.json",
    log:
        "logs/{reform}/write_provenance.log",
    params:
        spec=plan.provenance,
        code=plan.code("write_provenance"),
    shell:
        command("write_provenance")
