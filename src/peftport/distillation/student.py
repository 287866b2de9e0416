"""The training of a student: a module in a target host that learns to answer as a teacher does.

The loop, the batches and their order, the learning rate and the optimiser are those of every training of a module
(``peftport.training.loop``); only the loss is another. For a text x, with p the teacher's and q the student's
distribution over the label words (temperature 1), it is the divergence of Kullback and Leibler,

    KL(p || q) = sum_k p_k(x) (log p_k(x) - log q_k(x)),  averaged over the texts of a batch, nats.

Its gradient with respect to the student's log-likelihoods is q - p, and so zero where the student answers as the
teacher does. How likely label words are beside all other words is not taught.
"""

import numpy as np
import torch
from torch import nn
from torch.nn.functional import kl_div

from peftport.compute.optimisation import Report
from peftport.distillation.answers import Taught
from peftport.evaluation.likelihood import answering
from peftport.prompting.task import Task
from peftport.training.loop import Recipe, Training


class Student(Training):
    """The training of one student; ``advance`` takes it to a number of steps.

    Args:
        model: the target host with its module; only the module's parameters require gradients.
        task: the target dataset as the target host sees it.
        lesson: texts with the teacher's answers. Of the same texts a training with labels sees the same batches.
        recipe: learning rate and the like.
        seed: decides the order of the texts, and whatever a module draws.
        report: called with (step, divergence) of every step.
    """

    def __init__(
        self,
        model: nn.Module,
        task: Task,
        lesson: Taught,
        recipe: Recipe,
        seed: int,
        report: Report = lambda step, loss: None,
    ) -> None:
        super().__init__(model, task, lesson.texts, recipe, seed, report)
        self.lesson = lesson

    def loss_of(self, indices: np.ndarray) -> torch.Tensor:
        """The mean divergence from the teacher on these texts."""
        return divergence(self.model, self.task, self.lesson, indices)

    def validate(self, data: Taught, batch_size: int = 128) -> float:
        """The mean divergence from the teacher on other texts, nats; noted in the curve.

        Args:
            batch_size: texts in a pass.
        """
        self.model.eval()
        places = [np.arange(begin, min(begin + batch_size, len(data))) for begin in range(0, len(data), batch_size)]
        with torch.inference_mode():
            sums = [divergence(self.model, self.task, data, own).double().item() * len(own) for own in places]
        loss = sum(sums) / len(data)
        self.optimisation.note("validation", loss)
        return loss


def divergence(model: nn.Module, task: Task, lesson: Taught, indices: np.ndarray) -> torch.Tensor:
    """The mean over texts of KL(teacher || student), nats; a tensor without axes.

    Args:
        model: the student, with its module.
        indices: places of the texts.
    """
    prompts = [lesson.texts.prompts[index] for index in indices]
    own = answering(task.lm_type).log_likelihoods(model, prompts, task).log_softmax(-1)
    teachers = torch.from_numpy(lesson.log_probabilities[indices]).to(own.device, own.dtype)
    return kl_div(own, teachers, reduction="batchmean", log_target=True)
