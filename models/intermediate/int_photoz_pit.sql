-- How far the cumulative distribution of each bin's PITs is from the diagonal, and how far each replicate's is from the
-- sample's, in 256 cells: the largest distance, as Kolmogorov and Smirnov have it.
with pits as (
    select members.photoz_bin, scores.photoz_run, scores.photoz_row, scores.object_id, scores.pit
    from {{ ref('int_photoz_scores') }} as scores
    inner join {{ ref('int_photoz_members') }} as members
        on scores.photoz_run = members.photoz_run and scores.photoz_row = members.photoz_row
    where scores.pit is not null
),

ranked as (
    select
        photoz_bin,
        pit,
        row_number() over (partition by photoz_bin order by pit, photoz_row) as place,
        count(*) over (partition by photoz_bin) as galaxies
    from pits
)

select
    photoz_bin,
    max(galaxies) as with_pit,
    max(greatest(
        place / cast(galaxies as double) - pit, pit - (place - 1) / cast(galaxies as double)
    )) as pit_distance
from ranked
group by photoz_bin
