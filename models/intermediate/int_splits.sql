-- The split of every object in every scheme: by hash of the object, as published, by hash of the cell of the sky.
-- An object whose cutout may share a pixel with another split is a buffer, and is in no leak-free file.
with objects as (
    select
        *,
        {{ split_hash('release', 'object_id') }} as release_hash,
        {{ split_hash('paper', 'object_id') }} as paper_hash
    from {{ ref('int_object_cells') }}
),

cells as (
    select * from {{ ref('int_split_cells') }}
),

touched as (
    select touched.object_id, min(cells.split) <> max(cells.split) as is_buffer
    from {{ ref('int_touched_cells') }} as touched
    inner join cells on touched.sky_cell = cells.sky_cell
    group by touched.object_id
),

official as (
    select object_id, split from {{ ref('stg_release__splits') }}
)

select
    objects.object_id,
    {{ split_of('release', 'objects.release_hash') }} as split_release,
    {{ split_of('paper', 'objects.paper_hash') }} as split_paper,
    official.split as split_official,
    case when touched.is_buffer then 'buffer' else cells.split end as split_leak_free,
    objects.sky_cell
from objects
left join official on objects.object_id = official.object_id
left join cells on objects.sky_cell = cells.sky_cell
left join touched on objects.object_id = touched.object_id
