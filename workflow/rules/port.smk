"""in: modules/, host cards | out: starts/.../{ported,sampled,...}/seed-{n}/: what a module in the target starts from"""


def start_inputs(block):
    """Source modules of a block, and sibling modules in the target host where the initialisation needs them."""

    def files(wildcards):
        start = Start(**wildcards, block=block)
        source = Source(start.technique, start.source_host, start.source_dataset, block)
        return [
            file
            for one in (source, *STUDY.siblings_of(start))
            for seed in STUDY.blocks[block]
            for file in module_files(module_folder(one.technique, one.host, one.dataset, seed))
        ]

    return files


def start_expects(block):
    """Keys of what a start is made from."""

    def expected(wildcards):
        start = Start(**wildcards, block=block)
        source = Source(start.technique, start.source_host, start.source_dataset, block)
        hosts = (start.source_host, start.target_host)
        return {host_card(host): KEYS.host(host) for host in hosts} | {
            f"{RESULTS}/{module_folder(one.technique, one.host, one.dataset, seed)}/card.json": KEYS.module(one)
            for one in (source, *STUDY.siblings_of(start))
            for seed in STUDY.blocks[block]
        }

    return expected


def start_siblings(block):
    """Folders of the sibling modules, per seed."""

    def folders(wildcards):
        start = Start(**wildcards, block=block)
        return {str(s): [f"{RESULTS}/{one}" for one in STUDY.sibling_folders(start, s)] for s in STUDY.blocks[block]}

    return folders


def start_key(block):
    """Key of the starts of a block."""
    return lambda w: KEYS.start(
        Start(**{"source_host": "any", "source_dataset": "any", "initialisation": "scratch", **w}, block=block)
    )


for block, seeds in STUDY.blocks.items():

    rule:
        """What modules in a target host start from, made from the source's modules -> starts/.../seed-{n}/"""
        name:
            f"make_starts_{block}"
        input:
            modules=start_inputs(block),
            source=lambda w: ancient(host_card(w.source_host)),
            target=lambda w: ancient(host_card(w.target_host)),
        output:
            [
                f"{RESULTS}/starts/{TRANSFER}/{{source_dataset}}/{{initialisation}}/seed-{seed}/{file}"
                for seed in seeds
                for file in MODULE_FILES
            ],
        log:
            f"{LOGS}/make_starts/{TRANSFER}/{{source_dataset}}/{{initialisation}}/seeds-{block}.log",
        benchmark:
            f"{BENCHMARKS}/make_starts/{TRANSFER}/{{source_dataset}}/{{initialisation}}/seeds-{block}.tsv"
        wildcard_constraints:
            source_host=r"(?!any--)[^/]+?",
        conda:
            "../../envs/peftport.yaml"
        threads: 1
        resources:
            mem_mb=1000,
            runtime=20,
        params:
            key=start_key(block),
            seeds=seeds,
            folder=lambda w: f"{RESULTS}/modules/{w.technique}/{w.source_host}/{w.source_dataset}",
            siblings=start_siblings(block),
            expects=start_expects(block),
        script:
            "../scripts/make_starts.py"
