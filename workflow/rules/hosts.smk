"""in: config `hosts` (build, bundled, path or hub) | out: hosts/{host}/card.json, model/ if built; transfers.json"""

BUILT = [name for name in STUDY.hosts if "build" in STUDY.config["hosts"][name]]


rule build_host:
    """A small host, pretrained (raw) or trained further on instructions -> hosts/{host}/model/, training.parquet"""
    input:
        base=base_files,
    output:
        [f"{RESULTS}/hosts/{{host}}/model/{file}" for file in MODEL_FILES],
        curve=f"{RESULTS}/hosts/{{host}}/training.parquet",
    log:
        f"{LOGS}/build_host/{{host}}.log",
    benchmark:
        f"{BENCHMARKS}/build_host/{{host}}.tsv"
    wildcard_constraints:
        host="|".join(BUILT) or "(?!)",
    conda:
        "../../envs/peftport.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=240,
    params:
        key=lambda w: KEYS.host(w.host),
        recipe=lambda w: STUDY.config["hosts"][w.host]["build"],
        steps=build_steps,
        expects=base_key,
    script:
        "../scripts/build_host.py"


rule describe_host:
    """What a host is: shape, fingerprints, label-word tokens -> hosts/{host}/card.json"""
    input:
        model=card_inputs,
    output:
        card=f"{RESULTS}/hosts/{{host}}/card.json",
    log:
        f"{LOGS}/describe_host/{{host}}.log",
    benchmark:
        f"{BENCHMARKS}/describe_host/{{host}}.tsv"
    conda:
        "../../envs/peftport.yaml"
    threads: 1
    resources:
        mem_mb=8000,
        runtime=60,
    params:
        key=lambda w: KEYS.card(w.host),
        host_key=lambda w: KEYS.host(w.host),
        definition=lambda w: STUDY.config["hosts"][w.host],
        words=KEYS.label_words(),
    script:
        "../scripts/describe_host.py"


rule check_transfers:
    """Whether modules can be copied in every transfer, before anything is trained -> hosts/transfers.json"""
    input:
        cards=transfer_cards,
    output:
        transfers=f"{RESULTS}/hosts/transfers.json",
    log:
        f"{LOGS}/check_transfers.log",
    benchmark:
        f"{BENCHMARKS}/check_transfers.tsv"
    conda:
        "../../envs/peftport.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=20,
    params:
        key=lambda w: KEYS.transfers(),
        transfers=STUDY.copied_transfers,
        expects=transfer_expects,
    script:
        "../scripts/check_transfers.py"
