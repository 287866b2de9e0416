"""in: prompts, hosts | out: sources/.../seeds-{block}/: state, card, loss curve; modules/.../seeds-{block}/seed-{n}/: peft directories"""


rule train_source:
    """Modules of one technique in one host on one dataset, a block of seeds -> sources/.../state.safetensors"""
    input:
        unpack(STAGES.inputs("train_source")),
    output:
        **STAGES.outputs("train_source"),
    log:
        STAGES.log("train_source"),
    conda:
        "../../envs/peftport.yaml"
    threads: 1
    resources:
        mem_mb=growing(4000),
        runtime=growing(240),
    params:
        **STAGES.params("train_source"),
    message:
        "{wildcards.technique}: train modules in host {wildcards.host} on {wildcards.dataset}, seeds {wildcards.block}"
    script:
        "../scripts/train_source.py"


rule extract_modules:
    """Each of these modules alone, as a peft directory -> modules/.../seeds-{block}/seed-{n}/"""
    input:
        unpack(STAGES.inputs("extract_modules")),
    output:
        **STAGES.outputs("extract_modules"),
    log:
        STAGES.log("extract_modules"),
    localrule: True
    conda:
        "../../envs/peftport.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=20,
    params:
        **STAGES.params("extract_modules"),
    message:
        "{wildcards.technique}: save the modules of host {wildcards.host}, trained on {wildcards.dataset}, seeds {wildcards.block}"
    script:
        "../scripts/extract_modules.py"


rule admit_module:
    """A module that exists already, checked in its host -> admitted/.../seeds-{block}/seed-{n}/"""
    input:
        unpack(STAGES.inputs("admit_module")),
    output:
        **STAGES.outputs("admit_module"),
    log:
        STAGES.log("admit_module"),
    conda:
        "../../envs/peftport.yaml"
    threads: 1
    resources:
        mem_mb=growing(4000),
        runtime=growing(30),
    params:
        **STAGES.params("admit_module"),
    message:
        "{wildcards.technique}: check this module in its host {wildcards.host} and take it in, seeds {wildcards.block}"
    script:
        "../scripts/admit_module.py"


rule modules:
    """Every source module of the study"""
    input:
        STAGES.asked("train_source", "extract_modules", "admit_module"),
    message:
        "Modules: every one is there"
