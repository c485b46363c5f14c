-- The bins that each run's probabilities are of, counted from 1.
with edges as (
    select
        photoz_run,
        {{ list_positions('pdf_edges') }} as photoz_cell,
        {{ list_values('pdf_edges') }} as low
    from {{ ref('stg_photoz__runs') }}
    where pdf_edges is not null
),

cells as (
    select
        *,
        lead(low) over (partition by photoz_run order by photoz_cell) as high
    from edges
)

select * from cells where high is not null
