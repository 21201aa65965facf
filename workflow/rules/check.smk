# The gate: nothing that exists is touched before the data has passed.
#
# inputs:  the source's data file, or what was counted in its register's buckets; the price index
#          that it is deflated by; the changes of units over time, where its units are put on
#          another territory year; the data files of further sources that outcomes are of
# outputs: .reformeval/checked/<reform>/: panel, units, sample flow, the data's hash,
#          and what was done to it and found in it
# steps:   check_data
#
# A job that fails has already lost its old outputs, so this one has none under results/.


rule check_data:
    """Build the panel aside and check it."""
    input:
        data=plan.data,
        cpi=plan.cpi,
        adoption=plan.adoption,
        geography=plan.geography,
        others=plan.others,
    output:
        panel=".reformeval/checked/{reform}/panel.parquet",
        units=".reformeval/checked/{reform}/units.parquet",
        flow=".reformeval/checked/{reform}/sample_flow.parquet",
        data=".reformeval/checked/{reform}/data.json",
        found=".reformeval/checked/{reform}/source_data.parquet",
    log:
        "logs/{reform}/check_data.log",
    benchmark:
        "logs/{reform}/check_data.tsv"
    priority: 90
    params:
        spec=plan.checked,
        code=plan.code("check_data"),
        content=plan.content,
    shell:
        command("check_data")
