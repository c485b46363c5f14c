-- The bins that each run's probabilities are of, counted from 0.
with edges as (
    select
        photoz_run,
        {{ list_elements('pdf_edges', 'photoz_cell', 'low') }}
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
