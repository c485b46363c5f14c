"""`galaxiesml evaluate --leave-out survey`: how an estimator does on a survey that it never saw."""

from __future__ import annotations

from pathlib import Path

from galaxiesml.cli import common

#: What a table shows: definition, metric, head.
_SHOWN = (
    ("code", "bias_median", "bias"),
    ("code", "scatter", "NMAD"),
    ("code", "outliers", "outliers"),
    ("code", "loss", "loss"),
    ("pdf", "crps", "CRPS"),
    ("pdf", "coverage_68", "68 %"),
)


def leave_out(runs: list[str], names: str | None, plot: Path | None, intervals: bool, as_json: bool) -> None:
    """Train again without each survey, and print the metrics of both trainings and their differences."""
    from galaxiesml.curation import left_out as judging
    from galaxiesml.errors import UsageError
    from galaxiesml.photoz import leave_out as leaving
    from galaxiesml.plots.page import page_format

    if plot is not None:
        page_format(plot)
    if len(runs) > 1:
        raise UsageError("--leave-out takes one run.", "Give one RUN.")
    catalog = common.catalog()
    base = leaving.base(catalog, runs[0] if runs else None)
    chosen = [name.strip() for name in names.split(",") if name.strip()] if names else None
    surveys = leaving.surveys(base, chosen)
    weigh = _weigher(catalog, base)
    leaving.check(base, weigh)
    left = [one for one in surveys if not one.reason]
    notes = _notes(base, surveys)
    for note in notes:
        common.warn(note)
    if not left:
        raise UsageError("No survey has enough galaxies to be left out.", "See them: galaxiesml evaluate --by survey")
    trained, tables = _train(base, left, weigh)
    found = judging.judge(catalog, tables, leaving.runs_table(base, [one.name for one in left]))
    rows = [_told(one, trained[one.name], found[one.name]) for one in left]
    if as_json:
        small = [{"survey": one.name, "testing": one.testing, "reason": one.reason} for one in surveys if one.reason]
        common.print_json({"run": base.name, "surveys": rows, "not_left_out": small, "notes": notes})
    else:
        common.table([line for row in rows for line in _lines(row, intervals)])
        common.say("with: the run, which saw the survey's other galaxies; without: trained anew without any of them.")
    if plot is not None:
        from galaxiesml.plots.left_out import draw_left_out

        draw_left_out(rows, [(*key, head) for *key, head in _SHOWN], f"{base.name}, without one survey").save(plot)
        common.say(f"The picture is {plot}.")


def _weigher(catalog, base):
    """What gives data the weights of the run, made anew: training weights depend on which galaxies train."""
    from galaxiesml.cli import weights

    told = base.run.info["provenance"].get("weights")
    if not told:
        return lambda data: data
    word = told.get("column", "colour")
    like = Path(told["like"]) if "like" in told else None
    return lambda data: weights.apply(data, base.run.config, word, like, catalog, base.source)[0]


def _train(base, left: list, weigh):
    from galaxiesml.photoz import leave_out as leaving

    trained, tables, config = {}, [], base.run.config
    with common.progress("Training", total=len(left) * config.seeds * config.epochs, unit="epochs") as bar:
        for place, survey in enumerate(left):

            def tell(epoch, name=survey.name, place=place) -> None:
                bar.advance(1)
                bar.update(
                    f"Without {name} ({place + 1}/{len(left)}): network {epoch.member + 1}/{epoch.members}, "
                    f"NMAD {epoch.nmad:.4f}, {epoch.seconds_left:.0f} s left of this one"
                )

            run, predictions = leaving.without(base, survey, weigh, tell)
            trained[survey.name] = run
            tables.append(predictions)
    return trained, tables


def _notes(base, surveys: list) -> list[str]:
    notes = []
    if base.unknown:
        notes.append(
            f"{base.unknown:,} of {len(base.data):,} galaxies are of an unknown survey: they stay in every training."
        )
    if small := [one for one in surveys if one.reason]:
        words = ", ".join(f"{one.name} ({one.testing:,} testing)" for one in small)
        notes.append(
            f"Not left out, {small[0].reason if len({one.reason for one in small}) == 1 else 'too small'}: {words}."
        )
    return notes


def _told(survey, run, metrics: dict) -> dict:
    rows = run.info["data"]["rows"]
    return {
        "survey": survey.name,
        "galaxies": survey.testing,
        "left_out": {"training": survey.training, "validation": survey.validation},
        "trained_on": rows["training"],
        **metrics,
    }


def _lines(row: dict, intervals: bool) -> list[dict]:
    """Three lines a survey: with it, without it, and the difference with its interval."""
    lines = []
    trained = {
        "with": f"{row['trained_on'] + row['left_out']['training']:,}",
        "without": f"{row['trained_on']:,}",
        "difference": "",
    }
    for how, count in trained.items():
        line = {
            "survey": row["survey"] if how == "with" else "",
            "galaxies": f"{row['galaxies']:,}" if how == "with" else "",
            "trained": how,
            "trained on": count,
        }
        values = {(one["definition"], one["metric"]): one for one in row[how]}
        for definition, metric, head in _SHOWN:
            line[head] = _value(values.get((definition, metric)), intervals or how == "difference")
        lines.append(line)
    return lines


def _value(row: dict | None, has_interval: bool) -> str:
    if row is None or row["value"] is None:
        return "-"
    if not has_interval:
        return f"{row['value']:.3g}"
    return f"{row['value']:.3g} [{row['value_low']:.3g}, {row['value_high']:.3g}]"
