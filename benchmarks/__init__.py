"""Benchmarks, one command each, from the repository's root:

    python -m benchmarks.search     latent_search against the plain loop over images and seeds
    python -m benchmarks.floor      latent_search against the time its memory traffic must take
    python -m benchmarks.scaling    cost against images, seeds, steps and width; peak memory
    python -m benchmarks.training   ten generators at once against one after the other; compiled; bfloat16
    python -m benchmarks.grid       the grid on two processes, and on a Dask cluster, against one process
    python -m benchmarks.gaal       SO-GAAL and MO-GAAL against PyOD's (needs `pip install pyod`)
    python -m benchmarks.anogan     AnoGAN's search against PyOD's (likewise)
    python -m benchmarks.gpu        on a GPU: its tests, the first four of these and cells of Table 1, into an archive

Each prints a table and writes a record to book/results/benchmarks, from which the book's page "What a
search costs" is drawn. What is compared is measured in one run, in turns. `--device cuda` measures a
GPU. Leave the machine alone meanwhile: each takes up to three minutes on two processor cores.
"""
