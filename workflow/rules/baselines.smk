"""in: host cards | out: starts/{technique}/any--{target}/any--any/scratch/seed-{n}/: the technique's fresh initialisation"""

for block, seeds in STUDY.blocks.items():

    rule:
        """The technique's fresh initialisation in a target host; no source -> starts/{technique}/any--{target}/..."""
        name:
            f"initialise_scratch_{block}"
        input:
            card=lambda w: host_file(w.target_host),
            model=lambda w: built_files(w.target_host),
        output:
            [
                f"{RESULTS}/starts/{{technique}}/any--{{target_host}}/any--any/scratch/seed-{seed}/{file}"
                for seed in seeds
                for file in MODULE_FILES
            ],
        log:
            f"{LOGS}/initialise_scratch/{{technique}}/{{target_host}}/seeds-{block}.log",
        conda:
            "../../envs/peftport.yaml"
        threads: 1
        resources:
            mem_mb=growing(4000),
            runtime=growing(30),
        params:
            key=start_key(block),
            seeds=seeds,
            technique=lambda w: KEYS.form(w.technique),
            expects=lambda w: {host_file(w.target_host): KEYS.host(w.target_host)},
        message:
            f"{{wildcards.technique}}: initialise {count(seeds)} (scratch) for host {{wildcards.target_host}}"
        script:
            "../scripts/initialise_scratch.py"
