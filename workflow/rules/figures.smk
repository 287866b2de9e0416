"""in: tables/ | out: figures/{figure}.svg"""


rule draw_figure:
    """One figure of the study -> figures/{figure}.svg"""
    input:
        tables=lambda w: table_files(FIGURES[w.figure]),
    output:
        figure=report(
            f"{RESULTS}/figures/{{figure}}.svg",
            caption="../report/figure.rst",
            category="Figures",
            labels={"figure": "{figure}"},
        ),
    log:
        f"{LOGS}/draw_figure/{{figure}}.log",
    localrule: True
    conda:
        "../../envs/peftport.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=20,
    params:
        key=lambda w: KEYS.figure(w.figure, FIGURES[w.figure]),
        tables=lambda w: FIGURES[w.figure],
        expects=lambda w: {f"{RESULTS}/tables/{name}.parquet": KEYS.table(name) for name in FIGURES[w.figure]},
    message:
        "Figure {wildcards.figure}: draw"
    script:
        "../scripts/draw_figure.py"
