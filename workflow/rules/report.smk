"""in: tables/, figures/, datasets/, host cards, costs of jobs | out: figures/{figure}.{svg,json}, report.{html,json}, verdict.txt"""


rule draw_figure:
    """One figure of the study -> figures/{figure}.svg, {figure}.json"""
    input:
        unpack(STAGES.inputs("draw_figure")),
    output:
        figure=report(
            STAGES.outputs("draw_figure")["figure"],
            caption="../report/figure.rst",
            category="Figures",
            labels={"figure": "{figure}"},
        ),
        card=STAGES.outputs("draw_figure")["card"],
    log:
        STAGES.log("draw_figure"),
    wildcard_constraints:
        **STAGES.constraints("draw_figure"),
    localrule: True
    conda:
        "../../envs/peftport.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=20,
    params:
        **STAGES.params("draw_figure"),
    message:
        "Figure {wildcards.figure}: draw"
    script:
        "../scripts/draw_figure.py"


rule figures:
    """Every figure"""
    input:
        STAGES.asked("draw_figure"),
    message:
        "Figures: every one is there"


rule write_report:
    """One self-contained page: the question, the answer, the figures, how it was made -> report.html, report.json, verdict.txt"""
    input:
        unpack(STAGES.inputs("write_report")),
    output:
        page=report(STAGES.outputs("write_report")["page"], caption="../report/page.rst", category="Report"),
        verdict=STAGES.outputs("write_report")["verdict"],
        card=STAGES.outputs("write_report")["card"],
    log:
        STAGES.log("write_report"),
    localrule: True
    conda:
        "../../envs/peftport.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=20,
    params:
        **STAGES.params("write_report"),
    message:
        "Report: write the page"
    script:
        "../scripts/write_report.py"


onsuccess:
    if workflow.is_main_process and {job.rule.name for job in workflow.dag.targetjobs} & {"all", "write_report"}:
        if remove_checkpoints(Path("results", STUDY.name), STAGES.logs()):
            logger.info("Checkpoints of jobs that this study does not ask for were taken away.")
        for line in closing(Path("results", STUDY.name), time.monotonic() - BEGAN):
            logger.info(line)
