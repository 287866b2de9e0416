"""in: modules/, host cards | out: starts/.../{ported,sampled,...}/seed-{n}/: what a module in the target starts from"""

for block, seeds in STUDY.blocks.items():

    rule:
        """What modules in a target host start from, made from the source's modules -> starts/.../seed-{n}/"""
        name:
            f"make_starts_{block}"
        input:
            modules=start_inputs(block),
            source=lambda w: host_file(w.source_host),
            target=lambda w: host_file(w.target_host),
            transfer=lambda w: transfer_file(w.source_host, w.target_host),
        output:
            [
                f"{RESULTS}/starts/{TRANSFER}/{{source_dataset}}/{{initialisation}}/seed-{seed}/{file}"
                for seed in seeds
                for file in MODULE_FILES
            ],
        log:
            f"{LOGS}/make_starts/{TRANSFER}/{{source_dataset}}/{{initialisation}}/seeds-{block}.log",
        wildcard_constraints:
            source_host=r"(?!any--)[^/]+?",
        localrule: True
        conda:
            "../../envs/peftport.yaml"
        threads: 1
        resources:
            mem_mb=1000,
            runtime=20,
        params:
            key=start_key(block),
            seeds=seeds,
            sources=start_sources(block),
            siblings=start_siblings(block),
            expects=start_expects(block),
        script:
            "../scripts/make_starts.py"
