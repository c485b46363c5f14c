-- Every cell, including its own, that the circle around an object's cutout touches, for objects near a border.
with objects as (
    select * from {{ ref('int_border_objects') }}
),

-- A cell is much larger than the circle, which therefore touches at most one other band.  Only at a pole, where a
-- band has three cells, can it touch more than two cells of a band.
steps as (
    select -1 as step union all select 0 as step union all select 1 as step
),

bands as (
    select
        objects.object_id,
        objects.ra,
        objects.dec,
        objects.band + steps.step as touched_band
    from objects
    cross join steps
    where objects.band + steps.step between objects.lowest_band and objects.highest_band
),

reached as (
    select
        object_id,
        ra,
        touched_band,
        {{ split_cell_count('touched_band') }} as cells,
        {{ split_cell_reach('dec', 'touched_band') }} as reach
    from bands
),

ranges as (
    select
        object_id,
        touched_band,
        cells,
        {{ split_cell_column('(ra - reach)', 'cells') }} as first_column,
        {{ split_cell_column('(ra + reach)', 'cells') }} as last_column
    from reached
),

touched as (
    select
        ranges.object_id,
        {{ split_cell('ranges.touched_band', '(ranges.first_column + steps.step + 1)', 'ranges.cells') }} as sky_cell
    from ranges
    cross join steps
    where ranges.first_column + steps.step + 1 <= ranges.last_column
)

select * from touched
