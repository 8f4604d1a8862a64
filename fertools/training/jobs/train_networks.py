"""Train the networks of a system, with samples and validation; then write generated faces and predictions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from fertools.training.engine.loop import Callbacks
from fertools.training.evaluation.translator import Translator
from fertools.training.jobs.analysing import analyse_held_out
from fertools.training.jobs.control_predictions import predict_controls
from fertools.training.jobs.engine_setup import load_initial_weights, make_loader, make_loop, run_loop
from fertools.training.jobs.predicting import Predictor, measure_validation, predict_further, predict_held_out
from fertools.training.jobs.translating import (
    make_translator,
    sample_grids,
    selection_metric,
    translate_held_out_faces,
    warn_of_missing_expressions,
)
from fertools.training.recipes.recipe import EngineRecipe, TranslatingRecipe
from fertools.training.runs.artefact import save_model
from fertools.training.runs.job import Job
from fertools.training.systems.factory import build_system


def train_networks(job: Job, recipe: EngineRecipe) -> int:
    """Train a system to the end, and apply it to the held-out faces.

    Args:
        job: the run.
        recipe: recipe of the run.

    Returns:
        The number of iterations of this call.
    """
    if isinstance(recipe, TranslatingRecipe):
        warn_of_missing_expressions(job)
    system = build_system(job.configuration.resolved)
    loader = make_loader(job, recipe, system)
    load_initial_weights(job, recipe, system)
    loop = make_loop(job, recipe, system, loader)
    begun = loop.iteration
    predictor = Predictor.of(system, loop, loader)
    translator = make_translator(job, system, loop, loader)
    callbacks = Callbacks()
    if isinstance(recipe, TranslatingRecipe) and translator is not None:
        callbacks = Callbacks(sample_grids(job, translator, recipe.sample_faces), recipe.sample_every)
        if recipe.judge:
            callbacks = replace(callbacks, validate=selection_metric(job, translator, recipe.judge))
    if callbacks.validate is None and predictor is not None:
        callbacks = replace(callbacks, validate=measure_validation(job, predictor))
    run_loop(job, loop, callbacks)
    job.record["used_iteration"] = loop.restore_best()
    if job.process_group.is_first:
        further = predictor.further(loop) if predictor is not None else []
        save_networks(job, predictor, translator, further)
        for name, domain in system.further_models.items():
            save_model(job, name, loop.network(name).state_dict(), domain=domain, classes=())
        if predictor is not None:
            predict_held_out(job, predictor)
            predict_controls(job, predictor)
        for other in further:
            predict_further(job, other)
        analyse_held_out(job, system, loop, loader)
        if isinstance(recipe, TranslatingRecipe) and translator is not None:
            translate_held_out_faces(job, translator, recipe)
    return loop.iteration - begun


def save_networks(
    job: Job, predictor: Predictor | None, translator: Translator | None, further: Sequence[Predictor] = ()
) -> None:
    """Write a model file for each network that predicts or translates.

    Args:
        job: the run.
        predictor: predictor of the system; None if it does not predict.
        translator: translator of the system; None if it does not translate.
        further: predictors of other networks.
    """
    for entry in filter(None, (predictor, *further)):
        prediction, classes = entry.prediction, entry.prediction.classes or None
        save_model(job, prediction.network, entry.network.state_dict(), domain=prediction.domain, classes=classes)
    if translator is not None:
        for translation in {translation.network: translation for translation in translator.translations}.values():
            save_model(
                job,
                translation.network,
                translator.networks[translation.network].state_dict(),
                domain=translation.source,
            )
