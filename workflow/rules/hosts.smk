"""in: config `hosts` (build, bundled, path or hub) | out: hosts/{host}/{host,card}.json, model/ if built; transfers.json"""

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
        mem_mb=growing(2000),
        runtime=growing(240),
    params:
        key=lambda w: KEYS.host(w.host),
        recipe=lambda w: STUDY.config["hosts"][w.host]["build"],
        steps=lambda w: build_steps(STUDY, w.host),
        expects=base_key,
    script:
        "../scripts/build_host.py"


rule identify_host:
    """Where a host lies, its shape, its fingerprints; checked by loading it -> hosts/{host}/host.json"""
    input:
        model=card_inputs,
    output:
        host=f"{RESULTS}/hosts/{{host}}/host.json",
    log:
        f"{LOGS}/identify_host/{{host}}.log",
    benchmark:
        f"{BENCHMARKS}/identify_host/{{host}}.tsv"
    priority: 10
    conda:
        "../../envs/peftport.yaml"
    threads: 1
    resources:
        mem_mb=growing(8000),
        runtime=growing(60),
    params:
        key=lambda w: KEYS.identity(w.host),
        host_key=lambda w: KEYS.host(w.host),
        definition=lambda w: STUDY.config["hosts"][w.host],
    script:
        "../scripts/identify_host.py"


rule describe_host:
    """What a host is, and the tokens of the study's label words -> hosts/{host}/card.json"""
    input:
        host=f"{RESULTS}/hosts/{{host}}/host.json",
    output:
        card=f"{RESULTS}/hosts/{{host}}/card.json",
    log:
        f"{LOGS}/describe_host/{{host}}.log",
    benchmark:
        f"{BENCHMARKS}/describe_host/{{host}}.tsv"
    priority: 10
    localrule: True
    conda:
        "../../envs/peftport.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=20,
    params:
        key=lambda w: KEYS.card(w.host),
        words=KEYS.label_words(),
        expects=lambda w: {host_file(w.host): KEYS.host(w.host)},
    script:
        "../scripts/describe_host.py"


rule check_transfers:
    """Whether modules can be copied in every transfer, from their shapes -> hosts/transfers.json"""
    input:
        cards=transfer_cards,
    output:
        transfers=f"{RESULTS}/hosts/transfers.json",
    log:
        f"{LOGS}/check_transfers.log",
    benchmark:
        f"{BENCHMARKS}/check_transfers.tsv"
    priority: 10
    localrule: True
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
