"""The entry in a checkout; the workflow itself is workflow/Snakefile."""


include: "workflow/Snakefile"


workflow.default_target = "all"
