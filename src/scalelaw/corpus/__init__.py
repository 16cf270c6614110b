"""The corpus: published results read from CSV, checked row by row, with every problem reported."""

from scalelaw.corpus.load import Corpus, load_corpus
from scalelaw.corpus.problems import CorpusError, Problem

__all__ = ["Corpus", "CorpusError", "Problem", "load_corpus"]
