"""in: tables/, figures/, datasets/overlap.parquet, host cards, benchmarks | out: report.html"""

REPORTED = ["runs", "references", *STATISTICS, "techniques"]


rule write_report:
    """One self-contained page: the question, the answer, the figures, how it was made -> report.html"""
    input:
        tables=table_files(REPORTED),
        overlap=f"{RESULTS}/datasets/overlap.parquet",
        figures=[f"{RESULTS}/figures/{figure}.svg" for figure in FIGURES],
        cards=[host_card(name) for name in STUDY.hosts],
    output:
        page=report(f"{RESULTS}/report.html", caption="../report/page.rst", category="Report"),
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
    script:
        "../scripts/write_report.py"
