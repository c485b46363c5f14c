with landed as (
    select * from {{ source('raw', 'psf_requests') }}
),

cast_columns as (
    select
        {{- cast_family('request') }}
    from landed
)

select * from cast_columns
