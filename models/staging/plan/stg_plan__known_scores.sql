with known as (
    select * from {{ source('plan', 'known_photoz_scores') }}
),

cast_columns as (
    select
        {{- cast_family('photoz_scores') }}
    from known
)

select * from cast_columns
