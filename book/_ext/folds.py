"""A folded cell is called what it says: "Show the setup", not "Toggle hidden content".

MyST-NB gives the head of every fold one label, which a screen reader would read out in
place of the words that stand there.
"""

from myst_nb.sphinx_ import (
    HideCodeCellNode,
    depart_HideCellInput,
    visit_HideCellInput,
)

LABELLED = '<summary aria-label="Toggle hidden content">'


def visit(self, node):
    written = len(self.body)
    visit_HideCellInput(self, node)
    fold = self.body[written:]
    self.body[written:] = [part.replace(LABELLED, "<summary>") for part in fold]


def setup(app):
    app.add_node(HideCodeCellNode, override=True, html=(visit, depart_HideCellInput))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
