-- The pictures that show an object: in each tract and filter the nearest one; among the tracts the one with most
-- filters; among equal tracts the object's own (skymap_id), else the lowest number.
with objects as (
    select * from {{ ref('int_kept_objects') }}
),

pictures as (
    select * from {{ ref('int_object_pictures') }} where has_pixels
),

nearest as (
    select * from (
        select
            *,
            row_number() over (
                partition by object_id, kind, band, picture_tract order by separation, shard, member
            ) as place
        from pictures
    ) as ranked
    where place = 1
),

tracts as (
    select nearest.object_id, nearest.picture_tract, count(*) as filters,
        max(case when nearest.picture_tract = objects.own_tract then 1 else 0 end) as is_own
    from nearest
    inner join objects on nearest.object_id = objects.object_id
    where nearest.kind = 'cutout'
    group by nearest.object_id, nearest.picture_tract
),

chosen as (
    select * from (
        select
            object_id,
            picture_tract,
            filters,
            count(*) over (partition by object_id) as tracts,
            row_number() over (partition by object_id order by filters desc, is_own desc, picture_tract nulls last) as place
        from tracts
    ) as ranked
    where place = 1
)

select
    nearest.object_id, nearest.kind, nearest.band, nearest.shard, nearest.member, nearest.semi_width,
    nearest.semi_height, chosen.filters, chosen.tracts
from nearest
inner join chosen on nearest.object_id = chosen.object_id and nearest.picture_tract = chosen.picture_tract
