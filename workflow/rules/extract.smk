"""in: sources/ | out: modules/{technique}/{host}/{dataset}/seed-{n}/: the module alone, as a peft directory"""

for block, seeds in STUDY.blocks.items():

    rule:
        """The modules of one block of seeds, each a peft directory -> modules/.../seed-{n}/"""
        name:
            f"extract_modules_{block}"
        input:
            state=f"{RESULTS}/sources/{SOURCE}/seeds-{block}/state.safetensors",
            config=f"{RESULTS}/sources/{SOURCE}/seeds-{block}/card.json",
        output:
            [f"{RESULTS}/modules/{SOURCE}/seed-{seed}/{file}" for seed in seeds for file in MODULE_FILES],
            tensors=[f"{RESULTS}/modules/{SOURCE}/seed-{seed}/tensors.parquet" for seed in seeds],
        log:
            f"{LOGS}/extract_modules/{SOURCE}/seeds-{block}.log",
        localrule: True
        conda:
            "../../envs/peftport.yaml"
        threads: 1
        resources:
            mem_mb=1000,
            runtime=20,
        params:
            key=module_key(block),
            seeds=seeds,
            expects=module_expects(block),
        message:
            f"{{wildcards.technique}}: save {count(seeds)} of host {{wildcards.host}}, trained on {{wildcards.dataset}}"
        script:
            "../scripts/extract_modules.py"
