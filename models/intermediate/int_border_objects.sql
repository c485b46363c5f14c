-- Objects whose cutout may reach beyond their cell.  Only for these few are neighbouring cells considered.
with objects as (
    select * from {{ ref('int_object_cells') }} where sky_cell is not null
),

reaching as (
    select
        *,
        {{ split_cell_band('(dec - ' ~ cutout_radius() ~ ')') }} as lowest_band,
        {{ split_cell_band('(dec + ' ~ cutout_radius() ~ ')') }} as highest_band,
        {{ split_cell_reach('dec', 'band') }} as reach
    from objects
),

near_a_border as (
    select *
    from reaching
    where
        lowest_band < highest_band
        or {{ split_cell_column('(ra - reach)', 'cells') }} < {{ split_cell_column('(ra + reach)', 'cells') }}
)

select * from near_a_border
