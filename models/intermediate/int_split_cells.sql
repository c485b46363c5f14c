-- The leak-free split and the borders of every cell of the sky that contains a kept object or is touched by a cutout.
with cells as (
    select sky_cell from {{ ref('int_object_cells') }} where sky_cell is not null
    union
    select sky_cell from {{ ref('int_touched_cells') }}
),

banded as (
    select
        sky_cell,
        {{ split_hash('leak_free', 'sky_cell') }} as hash,
        cast(floor(sky_cell / 1440) as bigint) as band
    from cells
),

placed as (
    select *, {{ split_cell_count('band') }} as cells, sky_cell - 1440 * band as place from banded
)

select
    sky_cell,
    {{ split_of('leak_free', 'hash') }} as split,
    cast(place * 360 as double) / cells as ra_low,
    cast((place + 1) * 360 as double) / cells as ra_high,
    cast(band - 360 as double) / 4 as dec_low,
    cast(band - 359 as double) / 4 as dec_high
from placed
