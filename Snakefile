# From a reform file to a report: config/reforms/<reform>.yaml -> results/<reform>/report.html
#
#   snakemake --cores all                               here
#   snakemake -s path/to/Snakefile -d my_project        in a folder of one's own
#
# Config, data and results are those of the working directory. Each stage has a file of rules:
# sources -> register -> check -> panel -> estimate -> assess -> report. Each rule runs
# `python -m reformeval.jobs.<rule>`; docs/auditing.md says which rule makes which file.
from pathlib import Path

from reformeval.workflow import command, load_or_exit, templates

plan = load_or_exit(Path.cwd())


scattergather:
    register=plan.buckets,


wildcard_constraints:
    reform=plan.names(),


rule all:
    """Make the report of every reform whose data is there, and the index."""
    input:
        "results/index.html",
        expand(
            "results/{reform}/{output}",
            reform=plan.present,
            output=[
                "effects.parquet",
                "figures",
                "tables",
                "report.html",
                "provenance.json",
            ],
        ),


include: "workflow/rules/link.smk"
include: "workflow/rules/register.smk"
include: "workflow/rules/check.smk"
include: "workflow/rules/panel.smk"
include: "workflow/rules/estimate.smk"
include: "workflow/rules/assess.smk"
include: "workflow/rules/report.smk"
