"""in: prompts, host cards | out: sources/{technique}/{host}/{dataset}/seeds-{block}/: state, card, loss curve"""


rule train_source:
    """Modules of one technique in one host on one dataset, a block of seeds -> sources/.../state.safetensors"""
    input:
        card=lambda w: host_file(w.host),
        model=lambda w: built_files(w.host),
        train=f"{RESULTS}/hosts/{{host}}/prompts/{{dataset}}/train.parquet",
        validation=f"{RESULTS}/hosts/{{host}}/prompts/{{dataset}}/validation.parquet",
    output:
        curve=f"{RESULTS}/sources/{SOURCE}/seeds-{{block}}/training.parquet",
        state=f"{RESULTS}/sources/{SOURCE}/seeds-{{block}}/state.safetensors",
        config=f"{RESULTS}/sources/{SOURCE}/seeds-{{block}}/card.json",
    log:
        f"{LOGS}/train_source/{SOURCE}/seeds-{{block}}.log",
    conda:
        "../../envs/peftport.yaml"
    threads: 1
    resources:
        mem_mb=growing(4000),
        runtime=growing(240),
    params:
        key=lambda w: KEYS.source(source_of(w)),
        technique=lambda w: STUDY.config["techniques"][w.technique],
        training=STUDY.config["training"],
        task=lambda w: task(w.dataset),
        seeds=lambda w: STUDY.blocks[w.block],
        expects=source_expects,
    message:
        "{wildcards.technique}: train modules in host {wildcards.host} on {wildcards.dataset}, seeds {wildcards.block}"
    script:
        "../scripts/train_source.py"
