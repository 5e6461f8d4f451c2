// Which properties of a material come from images (`scene.MAPS`).
#if defined(NORMAL_MAP) || defined(ROUGHNESS_MAP) || defined(METALLIC_MAP) || defined(OPACITY_MAP) || defined(OCCLUSION_MAP) || defined(EMISSIVE_MAP)
#define HAS_MAPS
#endif
