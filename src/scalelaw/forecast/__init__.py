"""Compute for a target error from competing fits, and how such forecasts have fared."""

from scalelaw.forecast.ensemble import ALL_FORMS, Ensemble, fit_ensemble, read_ensembles

__all__ = ["ALL_FORMS", "Ensemble", "fit_ensemble", "read_ensembles"]
