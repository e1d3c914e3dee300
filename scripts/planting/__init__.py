"""Books with breaks planted by seed, and what is wrong in them: the truth that reconciliation is held to.

Nothing is shared with the package but the words of `settlement.reconciliation.model`: files are read and
written with the csv module and computed with ints, so that a mistake of either side shows.
"""

from planting.bed import Book, Planted
from planting.levels import Figure, plant_camt, plant_semt, plant_table
from planting.market import Day, Form, Row, read_day
from planting.plants import PLANTS, plant
from planting.score import Score, score

__all__ = [
    "PLANTS",
    "Book",
    "Day",
    "Figure",
    "Form",
    "Planted",
    "Row",
    "Score",
    "plant",
    "plant_camt",
    "plant_semt",
    "plant_table",
    "read_day",
    "score",
]
