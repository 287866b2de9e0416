"""Join typology, costs, portability, stability and convergence of every technique."""

from peftport.jobs.fork_client import run_in_fork_server

run_in_fork_server(start=False)

from peftport.evaluation.gather import gather_curves
from peftport.jobs.job import job
from peftport.statistics.techniques import techniques
from peftport.storage.parquet import read_table, write_table
from peftport.study.grid import Grid
from peftport.study.grid_settings import GridSettings

with job(snakemake) as provenance:
    params, inputs = snakemake.params, snakemake.input
    settings, mixtures = GridSettings.model_validate(params.grid), params.get("mixtures")
    grid = Grid(params.study, settings, params.decontaminate, params.hybrids, mixtures)
    costs = [read_table(file, "costs") for file in inputs.costs]
    tables = {name: read_table(inputs[name], name) for name in ("runs", "portability")}
    table = techniques(params.methods, costs, gather_curves(grid, inputs.curves), **tables)
    write_table(snakemake.output.table, table, "techniques", provenance)
