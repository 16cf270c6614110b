"""Fit laws to anybody's CSV file, for the command line."""

import csv
import json
import math
import re
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scalelaw.errors import FitError, ScalelawError, UnreadableError, UsageError, did_you_mean
from scalelaw.inputs import check_input

if TYPE_CHECKING:
    import pandas as pd

    from scalelaw.fit import Curve, Estimate, FitResult, Loss, Note

FORMS = ("power", "exponential", "floor", "broken", "sigmoid")
ESTIMATORS = ("lsq", "lad", "huber", "pinball")
DIRECTIONS = {
    "y_on_x": "{y} on {x}",
    "x_on_y": "{x} on {y}",
    "york": "errors in both (York)",
    "rma": "errors in both (York), in proportion to the spread: reduced major axis",
}


@dataclass(frozen=True)
class Block:
    """Estimates of one fit.

    Parameters
    ----------
    title : str
        Which fit.
    estimates : list of Estimate
        Its parameters and what follows from them.
    facts : dict
        Further figures, such as R2, loss, gradient norm and starts.
    notes : list of Note
        What weakens it.
    refusal : str
        Why there is no fit or no allocation.
    """

    title: str
    estimates: "list[Estimate]" = field(default_factory=list)
    facts: dict[str, float] = field(default_factory=dict)
    notes: "list[Note]" = field(default_factory=list)
    refusal: str = ""


@dataclass(frozen=True)
class Answer:
    """What the fits of a file say.

    Parameters
    ----------
    heading : tuple of str
        File, law, records, groups and ranges.
    level : float
        Level of the intervals.
    blocks : list of Block
        One for each fit.
    results : dict of str to FitResult
        Fits of a curve by title, to be drawn.
    """

    heading: tuple[str, ...]
    level: float
    blocks: list[Block]
    results: "dict[str, FitResult]" = field(default_factory=dict)

    def to_json(self) -> str:
        """Return the answer for programs; values that are not finite are null."""
        content = {
            "heading": self.heading,
            "level": self.level,
            "fits": [asdict(block) for block in self.blocks],
        }
        return json.dumps(_finite(content), indent=1, ensure_ascii=False, allow_nan=False)

    def to_text(self) -> str:
        """Return the answer as tables for people."""
        lines = list(self.heading)
        names = [e.name for block in self.blocks for e in block.estimates]
        wide = max(map(len, names), default=0)
        for block in self.blocks:
            lines += ["", block.title]
            if block.refusal:
                lines.append(f"  {block.refusal}")
            lines += [
                f"  {e.name:<{wide}}  {e.value:>11.4g}  [{e.lower:.4g}, {e.upper:.4g}]  {e.method}"
                for e in block.estimates
            ]
            if block.facts:
                shown = ", ".join(f"{name} {value:.3g}" for name, value in block.facts.items())
                lines.append(f"  {shown}")
            lines += [f"  {note.severity}: {note.message}" for note in block.notes]
        if any(not block.refusal for block in self.blocks):
            lines += ["", f"Intervals: {100 * self.level:.4g}%."]
        return "\n".join(lines)


def read_columns(
    path: Path, columns: Iterable[str | None], labels: Iterable[str | None] = ()
) -> "pd.DataFrame":
    """Return columns of a CSV file, indexed by line so that messages can name it.

    Parameters
    ----------
    path : path
        The file.
    columns : iterable of str or None
        Columns, of numbers.
    labels : iterable of str or None
        Columns of names, which are taken as text: 1 and 01 are two groups.

    Raises
    ------
    ScalelawError
        If the file cannot be read, lacks a column, names it twice, or has a row that is too long.
    """
    import pandas as pd

    texts = [name for name in dict.fromkeys(labels) if name]
    needed = list(dict.fromkeys([*(name for name in columns if name), *texts]))
    check_input(path)
    try:
        with warnings.catch_warnings():
            # A row longer than the header: its values would go to other columns.
            warnings.simplefilter("error", pd.errors.ParserWarning)
            table = pd.read_csv(
                path,
                index_col=False,
                skipinitialspace=True,
                dtype=dict.fromkeys(texts, str),
                low_memory=False,
                compression=None,
            )
        # Of two columns of one name pandas renames the second.
        first = pd.read_csv(
            path, header=None, nrows=1, skipinitialspace=True, compression=None, dtype=str
        )
        lines = _lines(path, len(table) + 1)
    except OSError as error:
        reason = f"cannot be read ({error.strerror})"
        raise UnreadableError(f"{path}: {reason}; check the path") from None
    except pd.errors.EmptyDataError:
        raise ScalelawError(f"{path}: the file is empty") from None
    except pd.errors.ParserWarning:
        raise ScalelawError(
            f"{path}: rows have more cells than the header; separate cells with commas, and quote "
            "values that hold one"
        ) from None
    except (UnicodeDecodeError, pd.errors.ParserError) as error:
        if found := re.search(r"Expected (\d+) fields in line (\d+), saw (\d+)", str(error)):
            cells, line, met = found.groups()
            raise ScalelawError(
                f"{path}:{line}: {met} cells, but rows above have {cells}; quote values that hold "
                "a comma"
            ) from None
        raise ScalelawError(f"{path}: not a CSV file in UTF-8: {str(error).strip()}") from None
    header = [str(name) for name in first.iloc[0]]
    if len(header) == 1 and any(mark in header[0] for mark in "\t;|"):
        raise ScalelawError(f"{path}:1: one column only; separate cells with commas")
    known = ", ".join(header[:50])
    if not known.isprintable():
        raise ScalelawError(f"{path}: not a CSV file: its first line is not text")
    for name in needed:
        if name not in table:
            hint = did_you_mean(name, header)
            raise ScalelawError(
                f'{path}:1: there is no column "{name}"; the file has {known}'
                + (f" ({hint})" if hint else "")
            )
        if header.count(name) > 1:
            raise ScalelawError(f'{path}:1: there are two columns "{name}"; rename one')
    table = table[needed]
    table.index = pd.Index(lines[1:], name="line")
    return table


def _lines(path: Path, count: int) -> Sequence[int]:
    """Return the line on which each of so many rows begins, the header first.

    Blank lines are no rows, and a quoted cell may span lines.
    """
    content = path.read_bytes()
    if content.rstrip(b"\r\n").count(b"\n") + 1 == count:
        return range(1, count + 1)
    found, end = [], 0
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = csv.reader(file, skipinitialspace=True)
        for cells in rows:
            if len(cells) > 1 or "".join(cells).strip():
                found.append(end + 1)
            end = rows.line_num
    return found if len(found) == count else range(1, count + 1)


def estimator(name: str, delta: float = 1e-3, tau: float = 0.5) -> "Loss":
    """Return the loss of that name."""
    from scalelaw.fit import Huber, LeastAbsolute, LeastSquares, Pinball

    made: dict[str, Loss] = {
        "lsq": LeastSquares(),
        "lad": LeastAbsolute(),
        "huber": Huber(delta),
        "pinball": Pinball(tau),
    }
    return made[name]


def fit_curve_file(
    path: Path,
    x: str,
    y: str,
    groups: str | None = None,
    form: str = "power",
    weights: str | None = None,
    covariates: Sequence[str] = (),
    effects: str | None = None,
    x_sd: str | float | None = None,
    y_sd: str | float | None = None,
    loss: "Loss | None" = None,
    targets: Sequence[float] = (),
    level: float = 0.95,
    replicates: int = 2000,
    seed: int = 0,
) -> Answer:
    """Fit a law of one predictor to a CSV file, in every direction that it has.

    Parameters
    ----------
    path : path
        The file; nothing in it is rescaled.
    x, y, groups, weights, covariates, effects, x_sd, y_sd
        Columns (the standard deviations of log10 x and log10 y may be numbers), see
        :class:`scalelaw.fit.line_law.LineLaw`.
    form : str
        One of `FORMS`.
    loss : Loss, optional
        What is minimised; least squares by default.
    targets : sequence of float
        Values of y whose x is asked for.
    level, replicates, seed
        Of the intervals.

    Raises
    ------
    ScalelawError
        If the file cannot be read or no direction can be fitted.
    """
    chosen = loss or estimator("lsq")
    _refuse_unused(form, chosen, covariates, effects, x_sd, y_sd, targets)
    columns = [x, y, weights, *covariates]
    columns += [sd for sd in (x_sd, y_sd) if isinstance(sd, str)]
    data = read_columns(path, columns, (groups, effects))
    blocks, refusals = [], []
    found: dict[str, FitResult] = {}
    for title, law in _laws(form, x, y, chosen, replicates, covariates, effects, x_sd, y_sd):
        try:
            result = law.fit(data, groups, weights, seed)
        except FitError as error:
            refusals.append(f"{path}: {error}")
            blocks.append(Block(title, refusal=f"not fitted: {error}"))
            continue
        found[title] = result
        blocks.append(_block(title, result, targets, level))
    if not found:
        raise ScalelawError(refusals[0])
    *_, last = found.values()
    return Answer(_heading(path, form, last, groups), level, blocks, found)


def fit_surface_file(
    path: Path,
    n: str,
    d: str,
    y: str,
    groups: str | None = None,
    weights: str | None = None,
    loss: "Loss | None" = None,
    budgets: Sequence[float] = (),
    flop_per_param_token: float = 6.0,
    level: float = 0.95,
    replicates: int = 2000,
    seed: int = 0,
) -> Answer:
    """Fit the loss surface E + A/N^alpha + B/D^beta to a CSV file of training runs.

    Parameters
    ----------
    path : path
        The file; nothing in it is rescaled.
    n, d, y, groups, weights : str
        Columns of parameters, tokens and loss, of what belongs together, and of weights.
    loss : Loss, optional
        What is minimised; Huber's with delta 1e-3 by default.
    budgets : sequence of float
        Training compute in FLOP whose best allocation is asked for.
    flop_per_param_token : float
        Compute of a parameter and token; 6 for a dense transformer.
    level, replicates, seed
        Of the intervals.

    Raises
    ------
    ScalelawError
        If the file cannot be read or the surface cannot be fitted.
    """
    from scalelaw.fit import Estimate, LossSurface, surface
    from scalelaw.plan import PowerCost, allocate

    data = read_columns(path, [n, d, y, weights], [groups])
    law = LossSurface(n, d, y, estimator=loss or estimator("huber"), replicates=replicates)
    try:
        result = law.fit(data, groups, weights, seed)
    except FitError as error:
        raise ScalelawError(f"{path}: {error}") from None
    blocks = [_block(f"{y} = E + A / {n}^alpha + B / {d}^beta", result, (), level)]
    falls = min(result.params["alpha"], result.params["beta"]) > 0
    if falls:
        growth = [
            result.derive(f"exponent of {n} in compute", surface.size_exponent, level),
            result.derive(f"exponent of {d} in compute", surface.token_exponent, level),
        ]
        blocks.append(Block("optimal allocation", growth))
    for budget in budgets if falls else ():
        title = f"best use of {budget:.3g} FLOP"
        try:
            best = allocate(result, [budget], PowerCost(k=flop_per_param_token), level)
        except FitError as error:
            blocks.append(Block(title, refusal=f"no allocation: {error}"))
            continue
        answers = [
            Estimate(row.quantity, row.value, row.lower, row.upper, level, row.method)
            for row in best.table.itertuples(index=False)
        ]
        notes = [*best.warnings, *_beyond(result, budget, flop_per_param_token)]
        blocks.append(Block(title, answers, {}, notes))
    low, high = result.x_range
    heading = (
        f"{path}: {result.n_records} runs in {result.n_groups} groups, "
        f"{law.estimator.name} of log residuals",
        f"{n} {low[0]:.3g} to {low[1]:.3g}, {d} {high[0]:.3g} to {high[1]:.3g}, "
        f"{y} {result.y_range[0]:.4g} to {result.y_range[1]:.4g}",
    )
    return Answer(heading, level, blocks)


def _beyond(result: "FitResult", budget: float, flop_per_param_token: float) -> "list[Note]":
    """Return a note if the budget lies beyond that of every run."""
    from scalelaw.fit import Note

    if result.sample is None:
        return []
    largest = float(flop_per_param_token * result.sample.x.prod(axis=1).max())
    if budget <= largest:
        return []
    decades = math.log10(budget / largest)
    return [
        Note(
            "beyond_the_data",
            "warning",
            f"{decades:.1f} decades beyond the largest run ({largest:.2g} FLOP): the shape of the "
            "law is trusted that far",
            {"decades": decades, "largest": largest},
        )
    ]


def _refuse_unused(
    form: str,
    loss: "Loss",
    covariates: Sequence[str],
    effects: str | None,
    x_sd: str | float | None,
    y_sd: str | float | None,
    targets: Sequence[float],
) -> None:
    """Raise if a setting would be passed over in silence."""
    if (covariates or effects) and form not in ("power", "exponential"):
        raise UsageError("covariates and effects are for the power law and the exponential")
    if effects and loss.name != "lsq":
        raise UsageError("effects are fitted by least squares only; leave out one of the two")
    if covariates and targets:
        raise UsageError(
            "the x of a target depends on the covariates; leave out the targets, or ask "
            "LineResult.predict_x in Python"
        )
    if (x_sd is None) != (y_sd is None):
        raise UsageError("York's line needs both standard deviations, of x and of y")
    if x_sd is not None and (form != "power" or covariates or effects or loss.name != "lsq"):
        raise UsageError(
            "standard deviations are for the power law by least squares, without covariates and "
            "effects"
        )


def _laws(
    form: str,
    x: str,
    y: str,
    loss: "Loss",
    replicates: int,
    covariates: Sequence[str],
    effects: str | None,
    x_sd: str | float | None,
    y_sd: str | float | None,
) -> "Iterable[tuple[str, Curve]]":
    """Yield the directions of a form."""
    from scalelaw import fit

    common: dict[str, Any] = {"estimator": loss, "replicates": replicates}
    if form not in ("power", "exponential"):
        kinds = {
            "floor": fit.FlooredPowerLaw,
            "broken": fit.BrokenPowerLaw,
            "sigmoid": fit.Sigmoid,
        }
        yield DIRECTIONS["y_on_x"].format(x=x, y=y), kinds[form](x, y, **common)
        return
    line = fit.PowerLaw if form == "power" else fit.ExponentialLaw
    extra: dict[str, Any] = {"covariates": tuple(covariates), "effects": effects}
    for direction in ("y_on_x", "x_on_y"):
        yield DIRECTIONS[direction].format(x=x, y=y), line(x, y, direction, **extra, **common)
    if covariates or effects or not isinstance(loss, fit.LeastSquares) or form != "power":
        return
    if x_sd is not None and y_sd is not None:
        stated: dict[str, Any] = {"x_sd": x_sd, "y_sd": y_sd}
        yield DIRECTIONS["york"], line(x, y, "york", replicates=replicates, **stated)
    else:
        yield DIRECTIONS["rma"], line(x, y, "rma", replicates=replicates)


def _block(title: str, result: "FitResult", targets: Sequence[float], level: float) -> Block:
    from scalelaw.fit import LineResult

    estimates = [result.param(name, level) for name in result.model.param_names]
    facts: dict[str, float] = {"residual sd": result.residual_sd}
    if isinstance(result, LineResult):
        estimates.append(result.cost_exponent(level))
        p = {} if math.isnan(result.p_value) else {"p": result.p_value}
        facts = {"R2": result.r_squared} | p | facts
        if not math.isnan(result.reduced_chi_square):
            facts["reduced chi square"] = result.reduced_chi_square
    else:
        facts |= {
            "gradient norm": result.gradient_norm,
            "starts": result.starts,
            "that agree": result.agree,
        }
    notes = list(result.warnings)
    if isinstance(result, LineResult) and result.cost_exponent(level).value < 0:
        notes.append(_rises(result))
    for target in targets:
        try:
            found = result.x_for(target, level)
            estimates.append(found)
            notes += _outside(result, target, found.value)
        except FitError as error:
            from scalelaw.fit import Note

            notes.append(Note("target_not_reached", "error", str(error), {"target": target}))
    return Block(title, estimates, facts, notes)


def _rises(result: "FitResult") -> "Note":
    """Return a note that the response rises with the predictor, as no error or loss does."""
    from scalelaw.fit import Note

    x, y = result.model.x_names[0], result.model.y_name
    return Note(
        "response_rises",
        "warning",
        f"{y} rises with {x}: of an accuracy fit 1 - {y}, which falls as errors and losses do",
        {},
    )


def _outside(result: "FitResult", target: float, x: float) -> "list[Note]":
    """Return a note if a target or its x lies outside the data."""
    from scalelaw.fit import Note

    (low, high), (least, most) = result.x_range[0], result.y_range
    asked = f"{result.model.y_name} {target:g}"
    decades = math.log10(max(x / high, low / x)) if 0 < x < math.inf else math.inf
    if decades > 0:
        message = (
            f"{asked} calls for {result.model.x_names[0]} {decades:.1f} decades beyond the data "
            f"({low:.3g} to {high:.3g}): the shape of the law is trusted that far"
        )
    elif not least <= target <= most:
        message = f"{asked} lies outside the data ({least:.3g} to {most:.3g})"
    else:
        return []
    details = {"target": target, "decades": max(decades, 0.0)}
    return [Note("beyond_the_data", "warning", message, details)]


def _heading(path: Path, form: str, result: "FitResult", groups: str | None) -> tuple[str, ...]:
    low, high = result.x_range[0]
    unit = f'groups of "{groups}"' if groups else "records, each its own group"
    x, y = result.model.x_names[0], result.model.y_name
    return (
        f"{path}: {form} law of {y} and {x}",
        f"{result.n_records} records in {result.n_groups} {unit}"
        if groups
        else f"{result.n_records} {unit}; name --group if some belong together",
        f"{x} {low:.3g} to {high:.3g}, {y} {result.y_range[0]:.3g} to {result.y_range[1]:.3g}, "
        f"{result.model.estimator.name} of {result.model.residuals} residuals",
    )


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
