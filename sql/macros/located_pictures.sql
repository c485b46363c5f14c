{#- Landed pictures, each where it was asked for, else at its own centre; and what was asked for and did not come,
    as rows without a member. -#}
{%- macro located_pictures(kind) -%}
with pictures as (
    select * from {{ ref('stg_' ~ kind ~ '__pictures') }}
),

requests as (
    select * from {{ ref('stg_' ~ kind ~ '__requests') }}
),

bands as (
    {%- for band in bands() %}
    select '{{ band }}' as band{{ ' union all' if not loop.last }}
    {%- endfor %}
),

came as (
    select
        pictures.shard, pictures.member, pictures.refused, pictures.line, pictures.band, pictures.picture_tract,
        pictures.image_offset is not null or pictures.psf_offset is not null as has_pixels,
        pictures.picture_file, requests.list_file, requests.semi_width, requests.semi_height,
        coalesce(requests.picture_ra, pictures.picture_ra) as at_ra,
        coalesce(requests.picture_dec, pictures.picture_dec) as at_dec
    from pictures left join requests on pictures.shard = requests.shard and pictures.line = requests.line
),

did_not_come as (
    select
        requests.shard, cast(null as string) as member, cast(null as string) as refused, requests.line, bands.band,
        requests.picture_tract, false as has_pixels, requests.picture_file, requests.list_file,
        requests.semi_width, requests.semi_height, requests.picture_ra as at_ra, requests.picture_dec as at_dec
    from requests
    inner join bands on requests.band is null or requests.band = bands.band
    left join pictures
        on requests.shard = pictures.shard and requests.line = pictures.line and bands.band = pictures.band
    where pictures.member is null
),

located as (
    select * from came
    union all
    select * from did_not_come
)

select * from located
{%- endmacro -%}
