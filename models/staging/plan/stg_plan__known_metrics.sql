with known as (
    select * from {{ source('plan', 'known_photoz_metrics') }}
),

cast_columns as (
    select
        {{- cast_family('photoz_metrics') }}
    from known
)

select * from cast_columns
