"""What is said of an answer to "can I pay?", here and by the calculator of the report."""

WORDS = {
    # Questions that cannot be asked.
    "bad_error": '"{text}" is not an error between 0 and 100% ({hint})',
    "write_error": "write 5% or 0.05",
    "meant_percent": "did you mean {text}%?",
    "not_positive": (
        "{field} must be a positive number, not {value} (write 1000, 1,000 or 2.5 million)"
    ),
    "many_predictions": "{field} must be {most} or fewer, not {value}",
    "year_range": "{field} must be a whole number from {first} to {last}, not {value}",
    "utilisation_range": "{field} must lie above 0 and be at most 1, not {value} ({hint})",
    "write_share": "write 40% or 0.4",
    # Refusals.
    "no_form": "{benchmark}: the form {form} could not be fitted",
    "no_rent": (
        "no rent of {device} in prices.csv (choose a device with quotes, such as {such}, or reckon "
        "with owning it)"
    ),
    "no_price": "{device} has no price in hardware.csv (add price_usd, or rent)",
    "floor": "{error}% lies {side} the {kind} floor of {floor}%{source}",
    "label_floor": ", the share of wrong labels in the test set ({source})",
    "refused_known": (
        "{refusal}\n(ask for a higher error, or {ignore} to project as if there were none)"
    ),
    "add_option": "add {option}",
    "tick": 'tick "{label}"',
    "refused_fitted": "{refusal}\n(ask for a higher error, or for another {form})",
    "field": '"{label}"',
    # Headings.
    "target": "{benchmark}, {label} of {error}%",
    "budget": "{benchmark} with {money}",
    "scenario": "{device}, {holding}, {year}; electricity of {places}",
    "one_of": "one of {places}, drawn equally",
    "places_of_run": "{places} (no place chosen: as in the run)",
    "method": "{basis} basis ({counted}); {forms} directions; {level} prediction intervals",
    "at_peak": "compute at peak rate, no utilisation",
    "over_utilisation": "operations, over peak rate and utilisation",
    "over_fixed": "operations, over peak rate and a utilisation of {share}%",
    "all_forms": "all forms and",
    "one_form": "{form} form, all",
    "per_day": "{method}; {predictions} predictions a day",
    # Warnings.
    "owned": "owned: value lost in use and electricity, no labour and no rent",
    "rent_year": "rents are of {year}, the nearest year with quotes",
    "few_quotes": "only {n} quote(s) of its rent",
    "grid_year": "electricity of {places} is that of {year}",
    "utilisation_idle": (
        "the utilisation given does not enter the training compute: the {basis} basis already "
        "counts it at peak rate"
    ),
    "error_beyond": "no record of the data has an error {side} {error}%",
    "most_never": "most draws never get there (the data reach {most} FLOP)",
    "beyond_numbers": "the compute is beyond any number (the data reach {most} FLOP)",
    "compute_beyond": (
        "the compute lies {decades} decades beyond the data, which reach {most} FLOP"
    ),
    "floor_left_out": (
        "the power law above a floor is left out: it says that no compute reaches an error under "
        "{floor}%"
    ),
    "never_reach": "{share} of the draws never reach this error",
    "no_running": "no running costs: too few papers state forward FLOP",
    "running_all_forms": ("running costs are of all forms: {form} could not be fitted to them"),
    "running_beyond": (
        "running costs are extrapolated: no record that states forward FLOP has an error {side} "
        "{error}%"
    ),
    "compute_below": "{flop} FLOP are less than any run in the data ({least})",
    "labels": (
        "errors under {floor}% cannot be told from wrong labels: so many of the test set are wrong "
        "({source})"
    ),
    "no_error": "{share} of the draws give no error below 100%",
    "few": "fewer than 1%",
    "nearly_all": "more than 99%",
    # Rows and values.
    "home_years": "years of one {device} at full load",
    "forward": "FLOP of one prediction",
    "over_all": "over 100%",
    "never": "never",
    "no_number": "beyond any number",
}
"""Texts by name; places in braces take words and numbers as readers see them."""

LABELS = {
    "budget": "Budget for training",
    "predictions": "Predictions a day",
    "year": "Year of prices and electricity",
    "utilisation": "Utilisation",
    "form": "Form of the law",
    "ignore": "Ignore the floor",
}
"""What the calculator calls the settings that a refusal may name, instead of their options."""


def say(name: str, **values: object) -> str:
    """Return a text of `WORDS` with its places filled."""
    return WORDS[name].format(**values)
