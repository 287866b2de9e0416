"""in: config `hosts` (build, bundled, path or hub) | out: hosts/{host}/{host,card}.json, labels/, prompts/, model/ if built; transfers/"""

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
    message:
        "Host {wildcards.host}: build and train it"
    script:
        "../scripts/build_host.py"


rule identify_host:
    """Where a host lies, its shape, its fingerprints; checked by loading it -> hosts/{host}/host.json"""
    input:
        model=card_inputs,
        curve=built_curve,
    output:
        host=f"{RESULTS}/hosts/{{host}}/host.json",
    log:
        f"{LOGS}/identify_host/{{host}}.log",
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
    message:
        "Host {wildcards.host}: load it and note what it is"
    script:
        "../scripts/identify_host.py"


rule encode_labels:
    """The tokens of a dataset's label words in one host; refused if it cannot tell them apart -> labels/{dataset}.json"""
    input:
        host=f"{RESULTS}/hosts/{{host}}/host.json",
    output:
        labels=f"{RESULTS}/hosts/{{host}}/labels/{{dataset}}.json",
    log:
        f"{LOGS}/encode_labels/{{host}}/{{dataset}}.log",
    priority: 10
    localrule: True
    conda:
        "../../envs/peftport.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=20,
    params:
        key=lambda w: KEYS.labels(w.host, w.dataset),
        words=lambda w: task(w.dataset)["words"],
        expects=lambda w: {host_file(w.host): KEYS.host(w.host)},
    message:
        "Host {wildcards.host}: find the tokens of the labels of {wildcards.dataset}"
    script:
        "../scripts/encode_labels.py"


rule encode_dataset:
    """A dataset's prompts as token ids of one host, as they are trained and tested on -> prompts/{dataset}/{split}.parquet"""
    input:
        host=f"{RESULTS}/hosts/{{host}}/host.json",
        model=lambda w: built_files(w.host),
        labels=lambda w: label_file(w.host, w.dataset),
        train=f"{RESULTS}/datasets/{{dataset}}/train.parquet",
        validation=f"{RESULTS}/datasets/{{dataset}}/validation.parquet",
        test=f"{RESULTS}/datasets/{{dataset}}/test.parquet",
    output:
        train=f"{RESULTS}/hosts/{{host}}/prompts/{{dataset}}/train.parquet",
        validation=f"{RESULTS}/hosts/{{host}}/prompts/{{dataset}}/validation.parquet",
        test=f"{RESULTS}/hosts/{{host}}/prompts/{{dataset}}/test.parquet",
    log:
        f"{LOGS}/encode_dataset/{{host}}/{{dataset}}.log",
    wildcard_constraints:
        dataset=r"[^/@]+?",
    priority: 10
    localrule: True
    conda:
        "../../envs/peftport.yaml"
    threads: 1
    resources:
        mem_mb=growing(1000),
        runtime=growing(20),
    params:
        key=lambda w: KEYS.prompts(w.host, w.dataset),
        task=lambda w: task(w.dataset),
        max_tokens=STUDY.config["training"]["max_tokens"],
        expects=prompts_expects,
    message:
        "Host {wildcards.host}: write the prompts of {wildcards.dataset} as tokens"
    script:
        "../scripts/encode_dataset.py"


use rule encode_dataset as encode_derived_dataset with:
    input:
        host=f"{RESULTS}/hosts/{{host}}/host.json",
        model=lambda w: built_files(w.host),
        labels=lambda w: label_file(w.host, w.dataset),
        train=f"{RESULTS}/datasets/{{dataset}}/train.parquet",
        validation=f"{RESULTS}/datasets/{{dataset}}/validation.parquet",
    output:
        train=f"{RESULTS}/hosts/{{host}}/prompts/{{dataset}}/train.parquet",
        validation=f"{RESULTS}/hosts/{{host}}/prompts/{{dataset}}/validation.parquet",
    log:
        f"{LOGS}/encode_derived_dataset/{{host}}/{{dataset}}.log",
    wildcard_constraints:
        dataset=r"[^/@]+@[^/]+?",


rule describe_host:
    """What a host is, and the tokens of the study's label words -> hosts/{host}/card.json"""
    input:
        host=f"{RESULTS}/hosts/{{host}}/host.json",
        labels=lambda w: [label_file(w.host, name) for name in STUDY.datasets],
    output:
        card=f"{RESULTS}/hosts/{{host}}/card.json",
    log:
        f"{LOGS}/describe_host/{{host}}.log",
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
        expects=card_expects,
    message:
        "Host {wildcards.host}: write its card"
    script:
        "../scripts/describe_host.py"


rule check_transfer:
    """Whether modules can be copied from one host to another -> hosts/transfers/{source_host}--{target_host}.json"""
    input:
        source=lambda w: host_file(w.source_host),
        target=lambda w: host_file(w.target_host),
    output:
        transfer=f"{RESULTS}/hosts/transfers/{{source_host}}--{{target_host}}.json",
    log:
        f"{LOGS}/check_transfer/{{source_host}}--{{target_host}}.log",
    priority: 20
    localrule: True
    conda:
        "../../envs/peftport.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=20,
    params:
        key=lambda w: KEYS.transfer(w.source_host, w.target_host),
        expects=lambda w: {host_file(name): KEYS.host(name) for name in w},
    message:
        "Transfer {wildcards.source_host} to {wildcards.target_host}: check that modules fit"
    script:
        "../scripts/check_transfer.py"
