-- The cell of the sky that each kept object is in; NULL for an object whose position is not on the sky.
with objects as (
    select * from {{ ref('int_kept_objects') }}
),

-- Infinity is a valid double, but is in no cell.
placed as (
    select
        object_id,
        case when abs(ra) <= 360 and abs(dec) <= 90 then ra end as ra,
        case when abs(ra) <= 360 and abs(dec) <= 90 then dec end as dec
    from objects
),

banded as (
    select *, {{ split_cell_band('dec') }} as band from placed
),

counted as (
    select *, {{ split_cell_count('band') }} as cells from banded
),

located as (
    select *, {{ split_cell('band', split_cell_column('ra', 'cells'), 'cells') }} as sky_cell from counted
)

select * from located
