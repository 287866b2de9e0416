"""in: tables/, figures/, datasets/overlap.parquet, host cards, benchmarks | out: report.html, verdict.txt"""

REPORTED = ["runs", "references", *STATISTICS, "techniques"]


rule write_report:
    """One self-contained page: the question, the answer, the figures, how it was made -> report.html, verdict.txt"""
    input:
        tables=table_files(REPORTED),
        overlap=f"{RESULTS}/datasets/overlap.parquet",
        figures=[f"{RESULTS}/figures/{figure}.svg" for figure in FIGURES],
        cards=[host_card(name) for name in STUDY.hosts],
    output:
        page=report(f"{RESULTS}/report.html", caption="../report/page.rst", category="Report"),
        verdict=f"{RESULTS}/verdict.txt",
    log:
        f"{LOGS}/write_report.log",
    localrule: True
    conda:
        "../../envs/peftport.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=20,
    params:
        key=lambda w: KEYS.report(["overlap", *REPORTED], FIGURES),
        config=STUDY.used(),
        tables=REPORTED,
        benchmarks=BENCHMARKS,
        expects=lambda w: {f"{RESULTS}/tables/{name}.parquet": KEYS.table(name) for name in REPORTED},
    message:
        "Report: write the page"
    script:
        "../scripts/write_report.py"


onsuccess:
    if workflow.is_main_process and {job.rule.name for job in workflow.dag.targetjobs} & {"all", "write_report"}:
        for line in closing(Path(RESULTS), time.monotonic() - BEGAN):
            logger.info(line)
