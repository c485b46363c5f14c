with measured as (
    select * from {{ source('derived', 'normalisation_statistics') }}
),

cast_columns as (
    select
        {{- cast_family('normalisation') }}
    from measured
)

select * from cast_columns
