# %% [markdown]
# # The catalogue in Polars
#
# A build is Parquet: Polars scans the files where they stand, without DuckDB and without a copy.
# Run it in a catalogue's folder, or set GALAXIESML_CATALOG.

# %%
import polars as pl

from galaxiesml.catalog import find_catalog

catalog = find_catalog()
build = catalog.current_build()


def mart(name):
    """A table of the build; nothing in its folders' names is taken for a pattern or a column."""
    return pl.scan_parquet(build / f"{name}.parquet", glob=False, hive_partitioning=False)


galaxies = mart("galaxies_v2")

# %% Redshift distribution, in bins of 0.1
redshifts = (
    galaxies.group_by((pl.col("specz_redshift") * 10).floor().alias("bin") / 10)
    .agg(pl.len().alias("galaxies"), (pl.col("g_cmodel_mag") - pl.col("i_cmodel_mag")).median().alias("g - i"))
    .sort("bin")
    .collect()
)
print(redshifts)

# %% Which versions this build has; one that needs a column which no landed file has is left out
versions = mart("versions").collect().sort("version")
print(versions.select("version", "built", "rows_kept", "missing_cuts", "title"))

# %% What the strictest of them leaves out of the default one, and why
built = set(versions.filter("built")["version"])
strictest = next(version for version in ("v3", "v1", "v4", "v2") if version in built)
kept = mart(f"galaxies_{strictest}").select("pair_id")
reasons = mart("rejections").filter(pl.col("version") == strictest)
lost = (
    galaxies.join(kept, on="pair_id", how="anti")
    .join(reasons.select("pair_id", "first_cut"), on="pair_id")
    .group_by("first_cut")
    .agg(pl.len().alias("galaxies"), pl.col("specz_redshift").median().alias("median z"))
    .sort("galaxies", "first_cut", descending=[True, False])
    .collect()
)
print(f"in v2 and not in {strictest}: {lost['galaxies'].sum():,} galaxies")
print(lost)

# %% The same tables by SQL, as DuckDB views: a result goes to Polars without a copy
answer = catalog.connect().sql("select count(*) as galaxies, median(specz_redshift) as median_z from galaxies").pl()
print(answer)
