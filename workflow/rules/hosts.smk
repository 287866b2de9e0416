"""in: config `hosts` (build, bundled, path, hub or gguf) | out: hosts/{host}/{host,card}.json, labels/, prompts/, model/ if built, further/ if trained further, rewritten/ if written in other coordinates, converted/ if converted; transfers/"""


rule build_host:
    """A small host, pretrained (raw) or trained further on instructions -> hosts/{host}/model/, training.parquet"""
    input:
        unpack(STAGES.inputs("build_host")),
    output:
        **STAGES.outputs("build_host"),
    log:
        STAGES.log("build_host"),
    conda:
        "../../envs/peftport.yaml"
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(240),
    params:
        **STAGES.params("build_host"),
    message:
        "Host {wildcards.host}: build and train it"
    script:
        "../scripts/build_host.py"


rule convert_host:
    """The files of a host from GGUF or pickled weights, as safetensors -> hosts/{host}/converted/, conversion.json"""
    input:
        unpack(STAGES.inputs("convert_host")),
    output:
        **STAGES.outputs("convert_host"),
    log:
        STAGES.log("convert_host"),
    priority: 10
    conda:
        "../../envs/peftport.yaml"
    threads: 1
    resources:
        mem_mb=growing(8000),
        runtime=growing(60),
    params:
        **STAGES.params("convert_host"),
    message:
        "Host {wildcards.host}: convert its files to safetensors"
    script:
        "../scripts/convert_host.py"


rule further_train_host:
    """A further-trained version of a host -> hosts/{host}/further/, further_training.json, further_training.parquet"""
    input:
        unpack(STAGES.inputs("further_train_host")),
    output:
        **STAGES.outputs("further_train_host"),
    log:
        STAGES.log("further_train_host"),
    priority: 10
    conda:
        "../../envs/peftport.yaml"
    threads: 1
    resources:
        mem_mb=growing(8000),
        runtime=growing(240),
    params:
        **STAGES.params("further_train_host"),
    message:
        "Host {wildcards.host}: train it further"
    script:
        "../scripts/further_train_host.py"


rule rewrite_host:
    """A host in other coordinates, in which it computes the same -> hosts/{host}/rewritten/, rewriting.json"""
    input:
        unpack(STAGES.inputs("rewrite_host")),
    output:
        **STAGES.outputs("rewrite_host"),
    log:
        STAGES.log("rewrite_host"),
    priority: 10
    conda:
        "../../envs/peftport.yaml"
    threads: 1
    resources:
        mem_mb=growing(8000),
        runtime=growing(60),
    params:
        **STAGES.params("rewrite_host"),
    message:
        "Host {wildcards.host}: write it in other coordinates"
    script:
        "../scripts/rewrite_host.py"


rule identify_host:
    """Where a host lies, its shape, its fingerprints; checked by loading it -> hosts/{host}/host.json"""
    input:
        unpack(STAGES.inputs("identify_host")),
    output:
        **STAGES.outputs("identify_host"),
    log:
        STAGES.log("identify_host"),
    priority: 10
    conda:
        "../../envs/peftport.yaml"
    threads: 1
    resources:
        mem_mb=growing(8000),
        runtime=growing(60),
    params:
        **STAGES.params("identify_host"),
    message:
        "Host {wildcards.host}: load it and note what it is"
    script:
        "../scripts/identify_host.py"


rule encode_labels:
    """The tokens of a dataset's label words in one host; refused if it cannot tell them apart -> labels/{dataset}.json"""
    input:
        unpack(STAGES.inputs("encode_labels")),
    output:
        **STAGES.outputs("encode_labels"),
    log:
        STAGES.log("encode_labels"),
    wildcard_constraints:
        **STAGES.constraints("encode_labels"),
    priority: 10
    localrule: True
    conda:
        "../../envs/peftport.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=20,
    params:
        **STAGES.params("encode_labels"),
    message:
        "Host {wildcards.host}: find the tokens of the labels of {wildcards.dataset}"
    script:
        "../scripts/encode_labels.py"


rule encode_dataset:
    """The prompts of one split as token ids of one host, as they are trained and tested on -> prompts/{dataset}/{split}.parquet"""
    input:
        unpack(STAGES.inputs("encode_dataset")),
    output:
        **STAGES.outputs("encode_dataset"),
    log:
        STAGES.log("encode_dataset"),
    wildcard_constraints:
        **STAGES.constraints("encode_dataset"),
    priority: 10
    localrule: True
    conda:
        "../../envs/peftport.yaml"
    threads: 1
    resources:
        mem_mb=growing(1000),
        runtime=growing(20),
    params:
        **STAGES.params("encode_dataset"),
    message:
        "Host {wildcards.host}: write the prompts of {wildcards.dataset}, {wildcards.split}, as tokens"
    script:
        "../scripts/encode_dataset.py"


rule mix_prompts:
    """The prompts of one split of a mixture, drawn from those of its members -> mixtures/{dataset}/{split}.parquet"""
    input:
        unpack(STAGES.inputs("mix_prompts")),
    output:
        **STAGES.outputs("mix_prompts"),
    log:
        STAGES.log("mix_prompts"),
    wildcard_constraints:
        **STAGES.constraints("mix_prompts"),
    priority: 10
    localrule: True
    conda:
        "../../envs/peftport.yaml"
    threads: 1
    resources:
        mem_mb=growing(1000),
        runtime=growing(20),
    params:
        **STAGES.params("mix_prompts"),
    message:
        "Host {wildcards.host}: draw the prompts of the mixture {wildcards.dataset}, {wildcards.split}"
    script:
        "../scripts/mix_prompts.py"


rule describe_host:
    """What a host is, and the tokens of the study's label words -> hosts/{host}/card.json"""
    input:
        unpack(STAGES.inputs("describe_host")),
    output:
        **STAGES.outputs("describe_host"),
    log:
        STAGES.log("describe_host"),
    priority: 10
    localrule: True
    conda:
        "../../envs/peftport.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=20,
    params:
        **STAGES.params("describe_host"),
    message:
        "Host {wildcards.host}: write its card"
    script:
        "../scripts/describe_host.py"


rule check_transfer:
    """Whether modules can be carried from one host to another -> hosts/transfers/{source_host}--{target_host}/{map}.json"""
    input:
        unpack(STAGES.inputs("check_transfer")),
    output:
        **STAGES.outputs("check_transfer"),
    log:
        STAGES.log("check_transfer"),
    priority: 20
    localrule: True
    conda:
        "../../envs/peftport.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=20,
    params:
        **STAGES.params("check_transfer"),
    message:
        "Transfer {wildcards.source_host} to {wildcards.target_host} ({wildcards.map}): check that modules fit"
    script:
        "../scripts/check_transfer.py"


rule check_carrying:
    """Whether those of a technique can be carried along a map -> hosts/transfers/{source_host}--{target_host}/{map}/"""
    input:
        unpack(STAGES.inputs("check_carrying")),
    output:
        **STAGES.outputs("check_carrying"),
    log:
        STAGES.log("check_carrying"),
    priority: 20
    localrule: True
    conda:
        "../../envs/peftport.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=20,
    params:
        **STAGES.params("check_carrying"),
    message:
        "Transfer {wildcards.source_host} to {wildcards.target_host} ({wildcards.map}): check {wildcards.technique}"
    script:
        "../scripts/check_carrying.py"


rule hosts:
    """Every host of the study with its card, its prompts, and the checks of transfers"""
    input:
        STAGES.asked(
            "build_host",
            "convert_host",
            "further_train_host",
            "rewrite_host",
            "identify_host",
            "encode_labels",
            "encode_dataset",
            "mix_prompts",
            "describe_host",
            "check_transfer",
            "check_carrying",
        ),
    message:
        "Hosts: every one is there"
