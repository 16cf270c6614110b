"""Commands that fit laws to anybody's CSV file: fit, fit-surface."""

import argparse
import math
from pathlib import Path
from typing import Any

from scalelaw.cli.common import Commands
from scalelaw.errors import UsageError
from scalelaw.fit_csv import ESTIMATORS, FORMS
from scalelaw.progress import bar

PLOTS = (".png", ".svg", ".pdf")


def add_to(commands: Commands) -> None:
    """Add these commands to the parser."""
    fit = commands.add_parser(
        "fit",
        help="fit a law of two columns of your own CSV file",
        description="Fit a law of one predictor to a CSV file, in every direction that it has. "
        "Values are taken as they stand in the file.",
        example="scalelaw fit runs.csv --x flop --y error --group paper --plot law.png",
    )
    fit.add_argument("file", type=Path, metavar="FILE")
    fit.add_argument("--x", required=True, metavar="COLUMN", help="predictor, such as flop")
    fit.add_argument("--y", required=True, metavar="COLUMN", help="response, such as error or loss")
    fit.add_argument("--form", choices=FORMS, default="power", help="power by default")
    fit.add_argument(
        "--covariate",
        action="append",
        default=[],
        metavar="COLUMN",
        help="such as year; repeatable",
    )
    fit.add_argument("--effects", metavar="COLUMN", help="entities with an intercept each")
    for name, variable in (("--x-sd", "log10 x"), ("--y-sd", "log10 y")):
        fit.add_argument(
            name, type=_number_or_name, metavar="SD",
            help=f"error of {variable} for York's line: a number or a column",
        )  # fmt: skip
    fit.add_argument(
        "--target", action="append", default=[], type=_number, metavar="Y",
        help="response whose x is asked for; repeatable",
    )  # fmt: skip
    _add_options(fit, "lsq")
    fit.add_argument(
        "--plot", type=Path, metavar="FILE",
        help="draw data, laws and bands; the suffix .png, .svg or .pdf is the format",
    )  # fmt: skip
    for axis, unit in (("x", "FLOP"), ("y", "nats")):
        fit.add_argument(f"--{axis}-unit", metavar="UNIT", help=f"for the plot, such as {unit}")
    fit.set_defaults(run=_fit)

    surface = commands.add_parser(
        "fit-surface",
        help="fit loss against parameters and tokens of your own training runs",
        description="Fit E + A/N^alpha + B/D^beta to a CSV file of training runs, and say how to "
        "spend a budget. Values are taken as they stand in the file.",
        example="scalelaw fit-surface runs.csv --n params --d tokens --y loss --budget 1e23",
    )
    surface.add_argument("file", type=Path, metavar="FILE")
    for name, what in (("--n", "parameters"), ("--d", "tokens"), ("--y", "loss")):
        surface.add_argument(name, required=True, metavar="COLUMN", help=what)
    surface.add_argument(
        "--budget", action="append", default=[], type=_number, metavar="FLOP",
        help="training compute to allocate; repeatable",
    )  # fmt: skip
    surface.add_argument(
        "--flop-per-param-token", type=float, default=6.0, metavar="K",
        help="compute is K x parameters x tokens; 6 by default",
    )  # fmt: skip
    _add_options(surface, "huber")
    surface.set_defaults(run=_fit_surface)


def _add_options(parser: argparse.ArgumentParser, estimator: str) -> None:
    parser.add_argument(
        "--group", metavar="COLUMN", help="what belongs together, such as paper or run"
    )
    parser.add_argument("--weights", metavar="COLUMN", help="positive weights of the records")
    parser.add_argument(
        "--estimator", choices=ESTIMATORS, default=estimator, help=f"{estimator} by default"
    )
    parser.add_argument("--delta", type=float, help="of huber, on logs; 1e-3")
    parser.add_argument("--tau", type=float, help="of pinball; 0.5, and 0.1 is a frontier")
    parser.add_argument("--level", type=float, default=0.95, help="of the intervals; 0.95")
    parser.add_argument("--replicates", type=int, default=2000, help="of the bootstrap; 2000")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true", help="for programs")


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a number (write it as the file does, such as 0.07 or 1e23)"
        ) from None


def _number_or_name(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text


def _fit(parsed: argparse.Namespace) -> int:
    from scalelaw.fit_csv import fit_curve_file

    options = _options(parsed)
    _check_plot(parsed)
    with bar("fitting", parsed.quiet):
        answer = fit_curve_file(
            parsed.file,
            parsed.x,
            parsed.y,
            form=parsed.form,
            covariates=parsed.covariate,
            effects=parsed.effects,
            x_sd=parsed.x_sd,
            y_sd=parsed.y_sd,
            targets=parsed.target,
            **options,
        )
    print(answer.to_json() if parsed.json else answer.to_text())
    if parsed.plot is not None:
        from scalelaw.plotting.laws import save_laws

        save_laws(answer.results, parsed.plot, parsed.x_unit, parsed.y_unit, parsed.level)
        if not parsed.json and not parsed.quiet:
            print(f"Drawn: {parsed.plot}")
    return 0


def _check_plot(parsed: argparse.Namespace) -> None:
    """Refuse a plot that cannot be drawn, before the work."""
    if parsed.plot is None:
        for name in ("x_unit", "y_unit"):
            if getattr(parsed, name) is not None:
                raise UsageError(f"--{name.replace('_', '-')} is for --plot, which is not given")
    elif parsed.plot.suffix not in PLOTS:
        raise UsageError(f"--plot {parsed.plot}: name a file that ends in {', '.join(PLOTS)}")
    elif parsed.covariate or parsed.effects:
        raise UsageError(
            "--plot: a law with covariates or effects is no single curve; leave them out to draw it"
        )
    elif parsed.plot.is_dir():
        raise UsageError(f"--plot {parsed.plot}: this is a folder; name a file in it")


def _fit_surface(parsed: argparse.Namespace) -> int:
    from scalelaw.fit_csv import fit_surface_file

    options = _options(parsed)
    with bar("fitting", parsed.quiet):
        answer = fit_surface_file(
            parsed.file,
            parsed.n,
            parsed.d,
            parsed.y,
            budgets=parsed.budget,
            flop_per_param_token=parsed.flop_per_param_token,
            **options,
        )
    print(answer.to_json() if parsed.json else answer.to_text())
    return 0


def _options(parsed: argparse.Namespace) -> dict[str, Any]:
    """Return what both fits take, or refuse settings out of range."""
    from scalelaw.fit_csv import estimator

    for option, owner in (("delta", "huber"), ("tau", "pinball")):
        if getattr(parsed, option) is not None and parsed.estimator != owner:
            raise UsageError(f"--{option} is for --estimator {owner}, not {parsed.estimator}")
    delta = 1e-3 if parsed.delta is None else parsed.delta
    tau = 0.5 if parsed.tau is None else parsed.tau
    positive = "must be above 0 and finite"
    for name, value, fine, rule in (
        ("--level", parsed.level, 0 < parsed.level < 1, "must lie between 0 and 1, such as 0.95"),
        ("--tau", tau, 0 < tau < 1, "must lie between 0 and 1, such as 0.5"),
        ("--delta", delta, delta > 0, "must be above 0"),
        (
            "--replicates",
            parsed.replicates,
            0 <= parsed.replicates <= 1_000_000,
            "must lie between 0 and a million",
        ),
        ("--seed", parsed.seed, parsed.seed >= 0, "must not be below 0"),
        *(("--target", y, 0 < y < math.inf, positive) for y in getattr(parsed, "target", ())),
        *(("--budget", c, 0 < c < math.inf, positive) for c in getattr(parsed, "budget", ())),
        *(
            (f"--{name.replace('_', '-')}", value, 0 < value < math.inf, positive)
            for name in ("flop_per_param_token", "x_sd", "y_sd")
            if isinstance(value := getattr(parsed, name, None), float)
        ),
    ):
        if not fine:
            raise UsageError(f"{name} {value} is out of range: it {rule}")
    columns = [getattr(parsed, name, None) for name in ("x", "y", "n", "d")]
    columns += getattr(parsed, "covariate", [])
    named = [column for column in columns if column is not None]
    if len(set(named)) < len(named):
        raise UsageError("one column is named twice: each variable needs its own")
    return {
        "groups": parsed.group,
        "weights": parsed.weights,
        "loss": estimator(parsed.estimator, delta, tau),
        "level": parsed.level,
        "replicates": parsed.replicates,
        "seed": parsed.seed,
    }
