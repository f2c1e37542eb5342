"""The report of a run: one self-contained HTML file, verdict first, then what fell short, then pictures.

:mod:`~bench.report.figures` counts, :mod:`~bench.report.draw` and :mod:`~bench.report.heatmap` draw,
:mod:`~bench.report.words` and :mod:`~bench.report.numbers` speak, :func:`bench.report.render.render` puts the page
together.
"""
