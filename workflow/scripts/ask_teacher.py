"""Ask a block of source modules what they answer to the texts of a target dataset."""

from peftport.jobs.fork_client import run_in_fork_server

run_in_fork_server()


from peftport.compute.computed_by import computed_by
from peftport.compute.device import prepare_device
from peftport.compute.host_inputs import HostInputs
from peftport.distillation.teacher import TeacherSettings, ask_teachers
from peftport.jobs.job import job
from peftport.storage.names import seed_folders
from peftport.storage.parquet import write_table

with job(snakemake) as provenance:
    prepare_device(snakemake.threads, snakemake.resources)
    params, inputs = snakemake.params, snakemake.input
    precision = params.training["host_precision"]
    answers, teachers = ask_teachers(
        inputs=HostInputs(**{name: inputs[name] for name in ("card", "train", "validation")}),
        folders=seed_folders(inputs.modules, params.seeds),
        settings=TeacherSettings(params.task, precision, params.batch_size, params.texts),
    )
    provenance |= {"computed_by": computed_by(precision), "teachers": teachers}
    write_table(snakemake.output.answers, answers, "teacher_answers", provenance)
