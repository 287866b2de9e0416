"""in: modules/, prompts, hosts | out: maps/, starts/.../seeds-{block}/seed-{n}/: what a module in the target host starts from; teachers/"""


rule make_map:
    """Which layers and coordinates of one host stand for which of another -> maps/{source_host}--{target_host}/{map}/"""
    input:
        unpack(STAGES.inputs("make_map")),
    output:
        **STAGES.outputs("make_map"),
    log:
        STAGES.log("make_map"),
    conda:
        "../../envs/peftport.yaml"
    threads: 1
    resources:
        mem_mb=growing(6000),
        runtime=growing(60),
    params:
        **STAGES.params("make_map"),
    message:
        "Hosts {wildcards.source_host} and {wildcards.target_host}: make the map {wildcards.map}"
    script:
        "../scripts/make_map.py"


rule make_starts:
    """What modules in target hosts start from, copied from the source's modules -> starts/.../{ported,sampled,...}/"""
    input:
        unpack(STAGES.inputs("make_starts")),
    output:
        **STAGES.outputs("make_starts"),
    log:
        STAGES.log("make_starts"),
    wildcard_constraints:
        **STAGES.constraints("make_starts"),
    localrule: True
    conda:
        "../../envs/peftport.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=20,
    params:
        **STAGES.params("make_starts"),
    message:
        "{wildcards.technique}: make modules ({wildcards.initialisation}) for host {wildcards.target_host} "
        "(from {wildcards.source_host}, {wildcards.source_dataset}, seeds {wildcards.block})"
    script:
        "../scripts/make_starts.py"


rule carry_starts:
    """The same for those that a map carries, or that are put where the target host's weights are largest -> starts/.../"""
    input:
        unpack(STAGES.inputs("carry_starts")),
    output:
        **STAGES.outputs("carry_starts"),
    log:
        STAGES.log("carry_starts"),
    wildcard_constraints:
        **STAGES.constraints("carry_starts"),
    conda:
        "../../envs/peftport.yaml"
    threads: 1
    resources:
        mem_mb=growing(4000),
        runtime=growing(60),
    params:
        **STAGES.params("carry_starts"),
    message:
        "{wildcards.technique}: carry modules ({wildcards.initialisation}) for host {wildcards.target_host} "
        "(from {wildcards.source_host} by {wildcards.map}, {wildcards.source_dataset}, seeds {wildcards.block})"
    script:
        "../scripts/carry_starts.py"


rule match_starts:
    """The same for those that are fitted to texts in the target host -> starts/.../matched/"""
    input:
        unpack(STAGES.inputs("match_starts")),
    output:
        **STAGES.outputs("match_starts"),
    log:
        STAGES.log("match_starts"),
    wildcard_constraints:
        **STAGES.constraints("match_starts"),
    conda:
        "../../envs/peftport.yaml"
    threads: 1
    resources:
        mem_mb=growing(4000),
        runtime=growing(30),
    params:
        **STAGES.params("match_starts"),
    message:
        "{wildcards.technique}: fit modules ({wildcards.initialisation}) to host {wildcards.target_host} "
        "on {wildcards.target_dataset} (from {wildcards.source_host}, {wildcards.source_dataset}, seeds {wildcards.block})"
    script:
        "../scripts/match_starts.py"


rule initialise_scratch:
    """The technique's fresh initialisation in a target host -> starts/{technique}/{host}/scratch/"""
    input:
        unpack(STAGES.inputs("initialise_scratch")),
    output:
        **STAGES.outputs("initialise_scratch"),
    log:
        STAGES.log("initialise_scratch"),
    conda:
        "../../envs/peftport.yaml"
    threads: 1
    resources:
        mem_mb=growing(4000),
        runtime=growing(30),
    params:
        **STAGES.params("initialise_scratch"),
    message:
        "{wildcards.technique}: initialise modules (scratch) for host {wildcards.host}, seeds {wildcards.block}"
    script:
        "../scripts/initialise_scratch.py"


rule ask_teacher:
    """What source modules answer to the texts of a target dataset, without labels -> teachers/.../answers.parquet"""
    input:
        unpack(STAGES.inputs("ask_teacher")),
    output:
        **STAGES.outputs("ask_teacher"),
    log:
        STAGES.log("ask_teacher"),
    conda:
        "../../envs/peftport.yaml"
    threads: 1
    resources:
        mem_mb=growing(4000),
        runtime=growing(60),
    params:
        **STAGES.params("ask_teacher"),
    message:
        "{wildcards.technique}: ask modules in host {wildcards.host} (trained on {wildcards.dataset}) "
        "about {wildcards.target_dataset}, seeds {wildcards.block}"
    script:
        "../scripts/ask_teacher.py"


rule distil_starts:
    """Fresh modules trained without labels by those answers -> starts/.../distilled/, and their loss curve"""
    input:
        unpack(STAGES.inputs("distil_starts")),
    output:
        **STAGES.outputs("distil_starts"),
    log:
        STAGES.log("distil_starts"),
    wildcard_constraints:
        **STAGES.constraints("distil_starts"),
    conda:
        "../../envs/peftport.yaml"
    threads: 1
    resources:
        mem_mb=growing(4000),
        runtime=growing(240),
    params:
        **STAGES.params("distil_starts"),
    message:
        "{wildcards.technique}: distil modules into host {wildcards.target_host} on {wildcards.target_dataset} "
        "(from {wildcards.source_host}, {wildcards.source_dataset}, seeds {wildcards.block})"
    script:
        "../scripts/distil_starts.py"


rule starts:
    """Everything that modules in target hosts start from"""
    input:
        STAGES.asked(
            "make_map",
            "make_starts",
            "carry_starts",
            "match_starts",
            "initialise_scratch",
            "ask_teacher",
            "distil_starts",
        ),
    message:
        "Starts: every one is there"
