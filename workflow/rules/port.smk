"""in: modules/, host cards | out: starts/.../{ported,sampled,...}/seed-{n}/: what a module in the target starts from"""

for block, seeds in STUDY.blocks.items():

    rule:
        """What modules in target hosts start from, made from the source's modules -> starts/.../seed-{n}/"""
        name:
            f"make_starts_{block}"
        input:
            modules=start_inputs(block),
            source=lambda w: host_file(w.source_host),
            target=lambda w: host_file(w.target_host),
            transfer=lambda w: transfer_file(w.source_host, w.target_host),
        output:
            [f"{RESULTS}/starts/{START}/seed-{seed}/{file}" for seed in seeds for file in MODULE_FILES],
        log:
            f"{LOGS}/make_starts/{START}/seeds-{block}.log",
        wildcard_constraints:
            source_host=r"(?!any--)[^/]+?",
            target_dataset=ANY,
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
        message:
            f"{{wildcards.technique}}: make {count(seeds)} ({{wildcards.initialisation}}) for host {{wildcards.target_host}} "
            "(from {wildcards.source_host}, {wildcards.source_dataset})"
        script:
            "../scripts/make_starts.py"

    rule:
        """The same for those that are fitted to texts in the target host -> starts/.../matched/seed-{n}/"""
        name:
            f"match_starts_{block}"
        input:
            modules=start_inputs(block),
            source=lambda w: host_file(w.source_host),
            target=lambda w: host_file(w.target_host),
            transfer=lambda w: transfer_file(w.source_host, w.target_host),
            model=lambda w: built_files(w.target_host),
            prompts=f"{RESULTS}/hosts/{{target_host}}/prompts/{{target_dataset}}/train.parquet",
        output:
            [f"{RESULTS}/starts/{START}/seed-{seed}/{file}" for seed in seeds for file in MODULE_FILES],
        log:
            f"{LOGS}/match_starts/{START}/seeds-{block}.log",
        wildcard_constraints:
            initialisation="|".join(FITTED),
        conda:
            "../../envs/peftport.yaml"
        threads: 1
        resources:
            mem_mb=growing(4000),
            runtime=growing(30),
        params:
            key=start_key(block),
            seeds=seeds,
            sources=start_sources(block),
            task=lambda w: task(w.target_dataset),
            max_tokens=STUDY.config["training"]["max_tokens"],
            expects=start_expects(block),
        message:
            f"{{wildcards.technique}}: fit {count(seeds)} ({{wildcards.initialisation}}) to host {{wildcards.target_host}} "
            "on {wildcards.target_dataset} (from {wildcards.source_host}, {wildcards.source_dataset})"
        script:
            "../scripts/match_starts.py"
